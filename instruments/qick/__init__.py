"""QICK boards: what one can do, read from its own soccfg, and what one with tProcessor v2 plays."""
