"""AiiDA data plugins."""
