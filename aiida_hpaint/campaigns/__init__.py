"""Campaigns: thousands of hosts, chunk by chunk, resumed without repeating."""
