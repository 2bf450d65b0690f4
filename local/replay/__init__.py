"""Replays one event: delivers it to the deployed function, and follows it until its purges are Completed."""
