"""Sampling: positions of inserted sites from generators such as diffusion models."""
