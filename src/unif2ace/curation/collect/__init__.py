"""The step `collect`: from folders and archives of pictures to shards of aligned faces."""
