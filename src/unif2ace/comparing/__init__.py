"""Comparison of runs and of scored outputs: differing keys, values, means over seeds, paired differences."""
