"""Draws results. JSON is the source of truth; everything else is a function of it."""
