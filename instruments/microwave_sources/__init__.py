"""Microwave sources: what they can do."""
