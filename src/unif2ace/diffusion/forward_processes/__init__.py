"""How image codes are corrupted, one process a file."""
