"""Storage of the provenance."""
