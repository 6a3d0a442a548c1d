"""Probes: what can be read out of activations, and whether a probe's score says anything."""
