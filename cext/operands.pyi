"""Types of the rows of a program: it has no Python face."""
