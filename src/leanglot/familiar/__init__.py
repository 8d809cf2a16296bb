"""The names that the field's material on multilingual optimization uses, thin over the same core."""
