"""qctl: the open integration layer for lab quantum computers."""
