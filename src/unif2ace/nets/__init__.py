"""Networks: `nn.Module` only, no Lightning, no Hydra."""
