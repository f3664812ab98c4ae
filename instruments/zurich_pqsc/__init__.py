"""Zurich Instruments PQSC: starts the boxes that hang on it by ZSync, and takes results from box to box."""
