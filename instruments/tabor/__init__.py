"""Tabor generators: what Proteus and WX can do; nothing is compiled for them yet."""
