"""QICK boards: what one can do, read from its own soccfg, what one with either tProcessor plays, and the driver."""
