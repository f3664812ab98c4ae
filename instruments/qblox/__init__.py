"""Qblox cluster modules QCM and QRM: what their sequencers can do, lowering to Q1ASM, and the driver."""
