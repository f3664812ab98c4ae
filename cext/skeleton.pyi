"""Types of the routing skeleton: it has no Python face."""
