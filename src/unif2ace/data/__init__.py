"""Face data on disk and in batches: shards, sources, data sets, tasks and the shared LightningDataModule."""
