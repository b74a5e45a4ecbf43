"""Records from files: CIF, SHELX and other formats."""
