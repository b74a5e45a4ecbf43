"""Science: everything that works without AiiDA."""
