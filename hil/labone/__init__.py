"""What stands in for Zurich Instruments' Python client: its names, in front of an emulated data server."""
