"""AWS. The only folder that imports boto3, and only inside of functions."""
