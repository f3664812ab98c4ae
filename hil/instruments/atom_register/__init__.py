"""Emulated device server of an atom array: it plays sequences in Pulser's abstract representation."""
