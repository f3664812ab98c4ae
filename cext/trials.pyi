"""Types of the trials of layouts: it has no Python face."""
