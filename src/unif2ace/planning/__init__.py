"""What a run needs, before it runs: parameters, memory of each rank, and work of each step.

The training step itself runs, on tensors that have shapes but no numbers, while somebody counts.
"""
