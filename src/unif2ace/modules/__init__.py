"""LightningModules: each computes one forward pass that losses, metrics and observers read."""
