"""Whom a model treats worse: measured from counts, with intervals and with what chance gives."""
