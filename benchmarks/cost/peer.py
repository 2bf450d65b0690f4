"""The design of the systems that do the same job for other CDNs: one call for each event.

S3 invokes a function for each event. The function makes one purge and starts an execution, which asks for the
status every few seconds until the purge is completed. Nothing is gathered, counted or kept. Where a choice
had to be made, it favours this design: no queue, no table, no alarms, no metrics, no traces, little memory.
"""

from math import ceil

from benchmarks.cost.prices import PriceList
from benchmarks.cost.usage import Usage


def usage(changes: float, prices: PriceList, purges: float | None = None) -> Usage:
    """What a month of changes uses. Each change is a purge; or only so many `purges` are accepted, and the
    calls for the other changes are refused, since the quota is used up."""
    assumed = prices.assumptions
    accepted = changes if purges is None else min(purges, changes)
    checks = accepted * polls(prices)
    found = Usage()
    for what, times in (("purge", changes), ("status", checks)):
        found.add("lambda_request", times, f"one for each {what}", times)
        seconds = times * assumed["peer_seconds"]
        found.add(
            "lambda_gb_second", seconds * assumed["peer_memory_mb"] / 1024, f"one for each {what}", times
        )
        found.add("log_gb", times * assumed["peer_log_bytes"] / 1e9, f"lines of each {what}", times)
        found.add("internet_gb", times * assumed["call_bytes"] / 1e9, f"ImageKit: {what}", times)
    # Wait, check and choice for each poll, and the end.
    found.add("states_transition", accepted * (3 * polls(prices) + 1), "one execution a purge", accepted)
    stored = found.total("log_gb") * assumed["log_compression"]
    found.add("log_gb_month", stored, "30 days of logs")
    found.add("secret_month", 1, "ImageKit's private key")
    return found


def polls(prices: PriceList) -> int:
    """How often an execution asks for the status of its purge."""
    return ceil(prices.assumptions["completion_seconds"] / prices.assumptions["peer_poll_seconds"])
