"""Electrostatic potentials of hosts: where they would hold a proton, and which arrangement."""
