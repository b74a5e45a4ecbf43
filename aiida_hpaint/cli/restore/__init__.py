"""Commands that restore hosts and check the results."""
