"""Spoken or made: a demonstration of the same protocol on speech, with fakes that are made here."""
