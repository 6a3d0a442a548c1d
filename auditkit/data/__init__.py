"""Rows: what their columns mean, where they come from, how they become numbers."""
