"""Commands for provenance and publication."""
