"""Sources of steady voltages: what they can do."""
