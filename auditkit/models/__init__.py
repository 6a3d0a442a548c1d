"""Reference networks, one file each, and the ways to load somebody else's."""
