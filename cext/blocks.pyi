"""Types of the writer of blocks: it has no Python face."""
