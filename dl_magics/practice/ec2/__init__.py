"""The practice cloud's EC2 API."""
