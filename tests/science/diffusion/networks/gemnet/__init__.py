"""Tests of GemNet, and the crystals and small networks that they share."""
