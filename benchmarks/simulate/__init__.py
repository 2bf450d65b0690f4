"""Simulates months of purges: a history of changes is played against the planner, and against baselines."""
