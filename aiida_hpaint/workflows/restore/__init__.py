"""Restorations as WorkGraphs."""
