"""Routing of a run: learn to tell the languages, decide, write the router, and say what it is worth."""
