"""Durability: runs that survive the process that drives them. It never sees HTTP: what performs a call is handed in."""
