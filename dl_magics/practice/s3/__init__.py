"""S3 of the practice cloud: buckets that are folders of this computer, which it only reads."""
