"""One event, delivered to the deployed function and followed until its purges are Completed."""
