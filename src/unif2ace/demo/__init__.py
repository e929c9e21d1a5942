"""A page to generate, describe and edit faces in a browser; what the page does is in plain functions."""
