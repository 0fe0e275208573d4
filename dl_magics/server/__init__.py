"""The Jupyter server extension: a REST interface and events, described in `openapi.yaml`."""
