"""Records of a rack's traffic: kept by proxies that stand before the instruments, and played again in their place."""
