"""Emulated Qblox cluster: its sequencers run the program that was sent, its modules turn that into samples and bins."""
