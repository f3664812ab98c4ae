"""Types of the front of a pass: it has no Python face."""
