"""Region methods: they find the tokens of an image that an edit changes."""
