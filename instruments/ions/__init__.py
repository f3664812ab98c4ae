"""Hardware of trapped-ion laboratories: what RTIO-style outputs can do, and experiments for ARTIQ."""
