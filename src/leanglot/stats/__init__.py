"""Intervals, paired tests, multiplicity and power: numpy and scipy only."""
