"""Causes: what happens to the answers when what a layer gives is exchanged, removed or moved."""
