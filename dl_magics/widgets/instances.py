"""`%manage_aws`: every instance with its cost and its buttons, live."""
