"""The SCPI engine of the emulated instruments: stream, commands, arguments, status, session."""
