"""Models: files, cards, published checkpoints and where they come from."""
