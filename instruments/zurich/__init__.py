"""Zurich Instruments HDAWG, SHFSG, SHFQA, SHFQC and UHFQA: lowering to SeqC and command tables, and their driver."""
