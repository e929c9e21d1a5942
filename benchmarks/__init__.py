"""Benchmarks. Each module has a `main()` that returns result rows with figure, value, unit, target and command."""
