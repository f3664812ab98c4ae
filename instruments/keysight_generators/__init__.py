"""Keysight generators: 33500B, 33600A and M8190A family, compiled for and driven; of M3202A there is a table alone."""
