"""Types of coupling graphs: it has no Python face."""
