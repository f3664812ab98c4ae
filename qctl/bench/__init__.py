"""Benchmarks against peers: the same work on both sides, in one run, with equal threads."""
