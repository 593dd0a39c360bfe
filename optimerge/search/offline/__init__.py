"""What can be said of a search without its models: `optimerge check --offline`."""
