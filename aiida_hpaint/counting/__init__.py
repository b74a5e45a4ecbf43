"""Counting: how many sites a host misses, by energies, charges and bond valences."""
