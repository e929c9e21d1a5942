"""Routers: which experts serve each position."""
