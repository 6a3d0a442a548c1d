"""Estimates with intervals, for anything that can be counted or scored."""
