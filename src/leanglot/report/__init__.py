"""What people read of a run: HTML, markdown and the terminal's tables."""
