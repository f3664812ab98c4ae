"""Faults on purpose: which there are, which are set, and what they make of the bytes and datagrams on a wire."""
