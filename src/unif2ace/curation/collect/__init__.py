"""The step `collect`: turns folders and archives of pictures into shards of aligned faces."""
