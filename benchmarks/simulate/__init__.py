"""Simulates months of purges: plays a history of changes against the planner, and against baselines."""
