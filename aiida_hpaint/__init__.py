"""Put missing hydrogen (or any element) back into crystals."""

__version__ = "0.1.0"
