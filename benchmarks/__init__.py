"""Benchmarks: each module's `main()` returns rows of figure, value, unit, target and command."""
