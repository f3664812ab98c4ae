"""Sources of steady voltages and currents: what they can do, and what they ask of lab.toml."""
