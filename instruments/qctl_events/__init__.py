"""qctl's event controller: synthesisers, TTL lines and photon counters that play tables of events."""
