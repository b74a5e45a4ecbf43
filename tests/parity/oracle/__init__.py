"""What runs in the oracle's environment only: mattergen's own classes, evaluated and recorded."""
