"""The handlers of the compression techniques, one file each."""
