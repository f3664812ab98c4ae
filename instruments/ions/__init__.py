"""Hardware of trapped-ion laboratories: what RTIO-style TTL, DDS and IQ outputs can do; nothing is compiled yet."""
