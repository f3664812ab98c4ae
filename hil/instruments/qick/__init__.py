"""An emulated QICK board behind its vendor's Pyro interface: API, not wire."""
