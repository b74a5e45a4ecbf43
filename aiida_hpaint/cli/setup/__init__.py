"""Commands that set up profiles, computers and codes."""
