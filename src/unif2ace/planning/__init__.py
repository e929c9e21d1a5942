"""Plans a run without running it: parameters, memory per rank, and compute per step.

The real training step is run on fake tensors, which have shapes but no values, and its operations are counted.
"""
