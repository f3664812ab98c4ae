"""Tabor generators: Proteus P2584M is compiled for and driven; of WX2184 there is a table alone."""
