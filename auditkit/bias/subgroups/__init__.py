"""Slices of the rows that nobody named, found on one half and confirmed on the other."""
