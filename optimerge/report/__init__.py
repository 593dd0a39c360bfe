"""One page about a run that stands by itself: `optimerge report`."""
