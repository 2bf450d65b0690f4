"""Reads events: from what a function is given to object changes and manual purges."""
