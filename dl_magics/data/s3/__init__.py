"""Photos in S3: listed, and read into a folder on the computer that trains on them."""
