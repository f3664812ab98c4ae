"""Which job runs next, on which processor."""
