"""Types of routing: it has no Python face."""
