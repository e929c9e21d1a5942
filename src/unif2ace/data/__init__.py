"""Face data: attributes, the procedural renderer, captions and questions, shards, sources and the shared DataModule."""
