"""Makes a trace, which is a history of changes, from a git repository or from S3 access logs."""
