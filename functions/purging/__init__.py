"""The domain: from a change in an S3 bucket to a purge of its ImageKit URLs."""
