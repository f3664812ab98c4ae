"""What really happens in the virtual fridge: transmons, couplers, resonators, noise."""
