"""Crystals in 3D in a browser: 3Dmol.js and the script that drives it, as files of the package."""
