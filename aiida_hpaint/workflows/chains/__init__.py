"""Work chains with an entry point for each graph, which can be built from a protocol."""
