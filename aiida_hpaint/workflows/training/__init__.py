"""Training as a work chain."""
