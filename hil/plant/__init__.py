"""The plant: one process that owns lab time, cables and physics; emulated instruments attach to it."""
