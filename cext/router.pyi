"""Types of the router's memory: it has no Python face."""
