"""Keysight Infiniium S-series oscilloscope as a digitizer: averaged or segmented records."""
