"""The benchmark as a WorkGraph."""
