"""Scores by group: order, calibration, every threshold, and thresholds of their own."""
