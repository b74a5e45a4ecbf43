"""Commands for campaigns and the status of processes."""
