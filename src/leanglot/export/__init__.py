"""From a PyTorch model to the graph a runtime deploys."""
