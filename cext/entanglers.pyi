"""Types of the writer of canonical forms: it has no Python face."""
