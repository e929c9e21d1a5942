"""The configuration tree, installed as the package `unif2ace_configs`."""
