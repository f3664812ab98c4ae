"""Tektronix generators that take waveforms as files: what AWG5200 and AWG70000A can do; nothing is compiled yet."""
