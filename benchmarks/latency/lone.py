"""Lone changes, one after another, with quiet in between."""

import time
from collections.abc import Iterator

from benchmarks.latency.figures import Followed, Row
from benchmarks.latency.objects import AFTER, change, make_served, purge_of
from benchmarks.latency.waiting import awaited, idle
from local.demo.edge_client import EdgeClient
from local.observer import Accepted, LedgerPurge, Observer
from local.stack import Stack
from tests.e2e.stack_control import function_environment

QUIET_SECONDS = 3.0


def measure(stack: Stack, changes: int) -> Iterator[Followed]:
    """Yield each change when its end was seen. The first one starts the functions, so it is slower."""
    keys = [f"lone/shop-{number:03}/hero.jpg" for number in range(changes)]
    # SubmitPurge logs only with DEBUG when it has kept a change.
    with EdgeClient() as edge, function_environment(stack, POWERTOOLS_LOG_LEVEL="DEBUG"):
        make_served(stack, keys, edge)
        for key in keys:
            idle(stack)
            time.sleep(QUIET_SECONDS)
            yield _follow(stack, key, edge)


def batching_window(stack: Stack) -> Row:
    """A row for the time that AWS adds: the event source mapping waits for further messages, as long as the
    template's `CoalesceSeconds` say. The emulated AWS hands over at once whatever is in the queue.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    """
    (mapping,) = stack.functions.list_event_source_mappings(
        FunctionName=stack.outputs["SubmitPurgeFunction"]
    )["EventSourceMappings"]
    return {
        "what": "NOT MEASURED: AWS adds the batching window (CoalesceSeconds)",
        "median": float(mapping["MaximumBatchingWindowInSeconds"]),
    }


def _follow(stack: Stack, key: str, edge: EdgeClient) -> Followed:
    observer, url, put_at = Observer(stack), stack.url(key), time.time()
    change(stack, key)

    def fresh_at() -> float | None:
        ((_, answer),) = edge.request([url])
        return answer.at if answer.shows(AFTER) else None

    def completed() -> Accepted | None:
        purge = purge_of(url, observer.accepted(put_at), put_at)
        return purge if purge and purge.completed_at else None

    def seen() -> LedgerPurge | None:
        found = observer.ledger_purges().get(purge.request_id)
        return found if found and found.completed_at else None

    def logged(message: str) -> float:
        def at() -> float | None:
            lines = observer.log("SubmitPurge", message, put_at)
            # A tick logs `drained` too, but accepts nothing.
            return next((line["at"] for line in lines if line.get("accepted") != 0), None)

        return awaited(at, f"the log line {message!r}")

    fresh = awaited(fresh_at, "the new object on the edge")
    purge = awaited(completed, "a completed purge")
    tracked = awaited(seen, "the completion in the ledger")
    return Followed(
        put_at=put_at,
        kept_at=logged("change received"),
        submitted_at=tracked.purge.submitted_at,
        accepted_at=purge.accepted_at,
        answered_at=logged("purge accepted"),
        drained_at=logged("drained"),
        completed_at=purge.completed_at or 0.0,
        seen_at=tracked.completed_at or 0.0,
        fresh_at=fresh,
    )
