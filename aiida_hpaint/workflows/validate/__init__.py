"""Validation by density-functional theory as a WorkGraph."""
