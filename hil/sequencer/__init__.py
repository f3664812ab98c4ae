"""qctl's sequencer, a second time: what its programs do, and who speaks its protocol, written from the pages alone."""
