"""Loops over compressing, measuring and judging: repair."""
