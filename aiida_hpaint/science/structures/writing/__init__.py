"""What is given back: restored structures in the formats of crystallography."""
