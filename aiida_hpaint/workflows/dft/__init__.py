"""Density-functional theory with Quantum ESPRESSO: inputs, relaxations, validation."""
