"""Disorder: ordered structures from records with partial or mixed occupancy."""
