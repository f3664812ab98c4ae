"""Types of controlled gates: they have no Python face."""
