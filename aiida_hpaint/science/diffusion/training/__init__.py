"""Training of score networks."""
