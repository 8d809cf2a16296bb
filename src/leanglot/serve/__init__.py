"""Serves an artifact or a router over HTTP, and shows by language how it fares."""
