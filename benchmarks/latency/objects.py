"""Objects of the embedded stack whose changes are measured, and how they are followed."""

from collections.abc import Sequence

from local.demo.edge_client import EdgeClient
from local.observer import Accepted
from local.stack import Stack
from tests.e2e.stack_control import put_objects, without_notifications

BEFORE, AFTER = b"before", b"after"
"""What an object shows before its change, and after it."""


def make_served(stack: Stack, keys: Sequence[str], edge: EdgeClient) -> None:
    """Put objects without events, and have the edge cache each of them."""
    with without_notifications(stack):
        put_objects(stack, keys, BEFORE)
    for url, answer in edge.request(stack.url(key) for key in keys):
        if not answer.shows(BEFORE):
            raise RuntimeError(f"{url} answers {answer.status}; the edge should show the object")


def change(stack: Stack, key: str) -> None:
    """Overwrite an object."""
    stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=AFTER)


def purge_of(url: str, accepted: Sequence[Accepted], since: float) -> Accepted | None:
    """The first of the accepted purges that covers a URL, and was accepted at or after a time (unix
    seconds)."""
    return next((each for each in accepted if each.accepted_at >= since and each.covers(url)), None)
