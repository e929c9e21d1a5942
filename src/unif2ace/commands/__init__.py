"""The console commands: each composes a configuration, runs the engine, and prints where the results are."""
