"""What a task takes from a sample: one view a file, each a callable from sample to `TaskSample`."""
