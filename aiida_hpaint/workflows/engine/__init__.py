"""What every workflow needs of the engine: durable graphs, restarts, scheduler options."""
