"""Tabor generators: Proteus P2584M is compiled for; of WX2184 there is a table alone."""
