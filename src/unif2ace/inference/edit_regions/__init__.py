"""Ways to find the tokens of an image that an edit changes."""
