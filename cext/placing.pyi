"""Types of the search for perfect layouts: it has no Python face."""
