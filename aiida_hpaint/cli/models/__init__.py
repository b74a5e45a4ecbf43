"""Commands for models: list, train, benchmark."""
