"""Forward processes: how image codes are corrupted. One per file."""
