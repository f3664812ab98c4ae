"""How an emulated instrument is reached: raw socket, HiSLIP, pty, and the faults on the wire."""
