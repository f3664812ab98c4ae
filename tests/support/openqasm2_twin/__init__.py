"""The slow twin of the OpenQASM 2 kernel, in Python."""
