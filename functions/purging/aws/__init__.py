"""The other AWS services: S3, SQS, SNS, Step Functions."""
