"""Tektronix AWG5014C: four-output arbitrary waveform generator, 1.2 GSa/s, 14 bit."""
