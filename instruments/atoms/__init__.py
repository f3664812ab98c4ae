"""Neutral-atom devices: what Pulser's device models allow; nothing is compiled for them yet."""
