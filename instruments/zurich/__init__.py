"""Zurich Instruments: what HDAWG, SHFSG, SHFQA, SHFQC and UHFQA can do; nothing is compiled for them yet."""
