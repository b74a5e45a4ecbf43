"""Models: files, cards, and conversion of published checkpoints."""
