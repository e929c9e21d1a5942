"""LightningModules: one forward pass that training, validation, losses, metrics and observers share."""
