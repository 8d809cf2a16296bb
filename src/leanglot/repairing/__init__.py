"""Repair of quantized candidates, in a run or one artifact alone."""
