"""Drivers and lowerings: what turns the unified format into each vendor's commands, and drives the boxes."""
