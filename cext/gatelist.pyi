"""Types of the gate list: it has no Python face."""
