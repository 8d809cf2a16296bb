"""The run of translation models: exam, trials, verdicts per language pair, artifacts."""
