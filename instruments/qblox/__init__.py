"""Qblox cluster modules: what their sequencers can do, and lowering to Q1ASM; they are not driven yet."""
