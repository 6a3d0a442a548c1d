"""Checks compare what the measuring rooms found with a limit. One module a topic."""
