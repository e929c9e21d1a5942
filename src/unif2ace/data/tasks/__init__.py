"""Tasks: one a file, each a callable from a stored sample to a `TaskSample`."""
