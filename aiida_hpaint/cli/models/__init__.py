"""Commands for models: listing, training, benchmarks."""
