"""What the feature store is made of: records on disk, an index of keys, values read by place."""
