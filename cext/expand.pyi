"""Types of the expansion of gates: it has no Python face."""
