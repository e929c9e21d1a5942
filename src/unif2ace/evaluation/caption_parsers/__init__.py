"""Caption parsers that need a model; those without are in `unif2ace.language`. Chosen with `caption_parser=...`."""
