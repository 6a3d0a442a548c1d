"""Rows counted where they lie: only counts come back from the engine that holds them."""
