"""qctl's own sequencer: programs of instructions, behind the packets of `firmware_io`."""
