"""Actions on the AWS account: instances, launch, prices, checks, profile and region."""
