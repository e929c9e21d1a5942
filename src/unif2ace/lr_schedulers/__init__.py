"""Learning rates over the steps of a run."""
