"""Compares runs and scored outputs: differing keys, values, means over seeds, and paired differences."""
