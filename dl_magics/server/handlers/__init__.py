"""The handlers of the REST interface, one for each path of `openapi.yaml`."""
