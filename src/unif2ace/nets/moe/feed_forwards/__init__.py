"""Feed-forward networks: of a dense block, and shared experts."""
