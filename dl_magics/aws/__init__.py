"""Access to AWS, through boto3."""
