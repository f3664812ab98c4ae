"""Neutral-atom processors behind Pulser's abstract representation."""
