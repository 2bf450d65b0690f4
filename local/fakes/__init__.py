"""AWS in memory, for the fault simulation and the benchmarks: a fake of DynamoDB and one of S3."""
