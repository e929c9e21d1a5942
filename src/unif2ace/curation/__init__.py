"""Restartable steps that turn pictures into a training set of shards. Importing the package does not import torch."""
