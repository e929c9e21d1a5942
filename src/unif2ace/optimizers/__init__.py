"""The Muon optimiser, and parameter groups for all optimisers."""
