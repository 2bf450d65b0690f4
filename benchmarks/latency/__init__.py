"""Measures on the embedded stack how long a change takes until its purge is accepted, Completed and fresh."""
