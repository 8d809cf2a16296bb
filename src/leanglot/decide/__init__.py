"""Records in, records out: verdicts, Pareto front and recommendations; no torch."""
