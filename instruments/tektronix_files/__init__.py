"""Tektronix generators that take waveforms as files: AWG5200 and AWG70000A are compiled for and driven."""
