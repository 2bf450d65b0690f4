"""Measures cold starts of the built functions in AWS's own runtime loop."""
