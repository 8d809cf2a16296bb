"""What executes an artifact: the Predictor protocol, token-budget batches, and one module per engine."""
