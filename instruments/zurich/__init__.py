"""Zurich Instruments HDAWG, SHFSG, SHFQA, SHFQC and UHFQA: lowering to SeqC and command tables; they are not driven yet."""
