"""Tables of experiments. Every row is trained and evaluated for every seed, and compared with a baseline row."""
