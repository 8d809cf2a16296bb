"""Stored records in, figures out; one file per chart."""
