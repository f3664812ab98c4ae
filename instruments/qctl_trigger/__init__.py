"""qctl's own trigger and timing controller, behind the packets of `firmware_io`."""
