"""What the instances of the account were seen doing, for their bills."""
