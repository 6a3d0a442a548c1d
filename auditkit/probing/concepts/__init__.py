"""Concepts: what people would name, as directions among a layer's numbers, and who follows them."""
