"""All that outlives an invocation, in DynamoDB: pending changes, accepted purges, the quota, the lease."""
