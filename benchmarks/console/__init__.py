"""Measures the console in a real browser: first paint, and updates."""
