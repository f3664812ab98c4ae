"""Keysight generators: 33500B, 33600A and the M8190A family are compiled for; of M3202A there is a table alone."""
