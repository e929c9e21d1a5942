"""How training is spread over processes."""
