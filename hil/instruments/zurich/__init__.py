"""Emulated Zurich Instruments data server and the devices behind it: API, not wire."""
