"""IAM of the practice cloud: the roles of instances, their credentials and what these may do."""
