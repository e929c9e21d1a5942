"""Networks that extract image features for metrics. One per file, selected with `extractor=...`."""
