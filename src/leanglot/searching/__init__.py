"""The search for the highest sparsity that every language bears: what can be tried, what was answered, the record."""
