"""Quantum Machines OPX: what it can do, as far as others say; nothing is compiled for it yet."""
