"""The errors of AWS and of boto3 that have an error of dl_magics, with what to do about each."""
