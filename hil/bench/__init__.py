"""Benches: scenarios of steps, faults, expectations and limits, played against a virtual or a real lab alike."""
