"""Labelled texts per language: read, checked, split; and the demo's sentences."""
