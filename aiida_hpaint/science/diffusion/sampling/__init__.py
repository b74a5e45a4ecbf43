"""Sampling: positions of inserted sites drawn by a diffusion model."""
