"""Training: losses, the teacher's answers, the loop, its checkpoints, and when it stops."""
