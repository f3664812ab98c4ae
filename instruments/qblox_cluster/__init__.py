"""Qblox cluster: its management module, which has the reference clock and starts all sequencers together."""
