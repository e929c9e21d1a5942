"""Caption parsers that need a model, selected with `caption_parser=...`. Others are in `unif2ace.language`."""
