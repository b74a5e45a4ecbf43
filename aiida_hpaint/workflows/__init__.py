"""Workflows: restorations as AiiDA processes."""
