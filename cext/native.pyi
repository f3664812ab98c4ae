"""Types of the writer of native rows: it has no Python face."""
