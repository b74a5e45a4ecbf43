"""Parity with mattergen 1.0.3, the oracle of the published models.

`oracle/` runs in an environment with the real package (`make parity` builds it) and writes the
reference files in `data/`: numbers only. The tests beside this file read them and need no oracle.
Nothing random has to be stored: `weights.fill` gives a network of either side the same weights.
"""
