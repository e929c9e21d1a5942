"""Training tasks: one per file, each a callable that turns a stored sample into a `TaskSample`."""
