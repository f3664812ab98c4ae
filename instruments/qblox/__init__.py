"""Qblox cluster modules: what their sequencers can do, lowering to Q1ASM, and the driver of all but the QTM."""
