"""QICK boards: what one can do, read from its own soccfg; nothing is compiled for them yet."""
