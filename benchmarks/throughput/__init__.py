"""Measures how many changes a second SubmitPurge handles, and what a large backlog costs."""
