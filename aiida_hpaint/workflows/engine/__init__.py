"""Parts that all workflows share: durable graphs, retries, codes and scheduler options."""
