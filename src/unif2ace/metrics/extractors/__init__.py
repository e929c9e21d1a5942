"""Networks whose features describe generated images, for metrics: one network a file, chosen with `extractor=...`."""
