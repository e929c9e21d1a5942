"""The console commands: each reads a configuration, calls the engine, and says where its results are."""
