"""The binary link to firmware: frames and packets, messages, the session without ports, and the serial transport."""
