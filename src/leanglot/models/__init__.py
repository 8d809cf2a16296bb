"""Loading and saving models, the artifact folder, one adapter per task, the demo model."""
