"""S3, SQS, SNS and Step Functions, and the configuration of all AWS clients."""
