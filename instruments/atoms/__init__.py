"""Neutral-atom devices behind Pulser's abstract representation: what they allow, and what is compiled for them."""
