"""Quantum Machines OPX: compiled to a configuration and QUA text, which nobody here has played."""
