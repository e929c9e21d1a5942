"""Strategies of distributed training."""
