"""Restoration as a WorkGraph."""
