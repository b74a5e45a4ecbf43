"""Hydrogen budget: how many H atoms a record lacks, and which of its atoms carry them."""
