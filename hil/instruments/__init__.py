"""Emulated instruments of the virtual lab: real sockets and ptys, each with parsing code of its own."""
