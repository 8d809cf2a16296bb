"""Watches what a shipped model answers, by language, against the baseline it was shipped with; loads no torch."""
