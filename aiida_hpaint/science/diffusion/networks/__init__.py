"""Score networks, one module an architecture."""
