"""Links: how a driver's words reach an instrument; a link never parses what it carries."""
