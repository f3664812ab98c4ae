"""Keysight generators: what 33500B, 33600A and the M8190A family can do; nothing is compiled for them yet."""
