"""What outlives an invocation: pending changes, accepted purges, the quota, the lease. DynamoDB."""
