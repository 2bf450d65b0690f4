"""Decides what to purge. Pure: no AWS, no HTTP, no persistence."""
