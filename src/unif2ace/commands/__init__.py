"""The console commands. Each composes a configuration, runs the engine, and prints the paths of the results."""
