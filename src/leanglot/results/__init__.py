"""Frozen records of what was measured, their JSON, the run folder and the environment."""
