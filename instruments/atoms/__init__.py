"""Neutral-atom devices behind Pulser's abstract representation: what they allow, compiling for them, a driver."""
