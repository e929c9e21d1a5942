"""Ways to compute routed experts, all to the same result: one a file, swapped with `moe.experts`."""
