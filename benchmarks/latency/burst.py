"""A burst: many objects are overwritten as fast as the emulated S3 takes it."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from benchmarks.latency.figures import Row
from benchmarks.latency.objects import AFTER, change, make_served, purge_of
from benchmarks.latency.waiting import awaited, idle
from local.demo.edge_client import EdgeClient
from local.observer import Observer
from local.stack import Stack

_AT_ONCE = 4
_FOLDERS = 10


def measure(stack: Stack, objects: int) -> Row:
    """A row. Beside the folders that change lies one object that does not."""
    keys = [f"burst/shop-{number % _FOLDERS}/photo-{number:06}.jpg" for number in range(objects)]
    observer = Observer(stack)
    with EdgeClient() as edge:
        make_served(stack, [*keys, "burst/unchanged/logo.jpg"], edge)
        idle(stack)
        started = time.time()
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            put_at = dict(threads.map(lambda key: _overwritten(stack, key), keys))
        last_put = time.time()

        def all_accepted_at() -> float | None:
            accepted = observer.accepted(started)
            purges = [purge_of(url, accepted, since) for url, since in put_at.items()]
            return None if None in purges else max(each.accepted_at for each in purges if each)

        accepted_at = awaited(all_accepted_at, "a purge for each object")
        fresh_at = _all_fresh_at(observer, put_at, edge)
    idle(stack)
    return {
        "what": f"burst of {objects:,} objects",
        "seconds_of_puts": round(last_put - started, 2),
        "last_put_to_all_accepted": round(accepted_at - last_put, 2),
        "last_put_to_all_fresh": round(fresh_at - last_put, 2),
        "purges": len(observer.accepted(started)),
    }


def _overwritten(stack: Stack, key: str) -> tuple[str, float]:
    """Overwrite an object. Return its URL, and the time before that in unix seconds."""
    before = time.time()
    change(stack, key)
    return stack.url(key), before


def _all_fresh_at(observer: Observer, put_at: Mapping[str, float], edge: EdgeClient) -> float:
    """When the edge had shown each new object. It is asked for those whose purge is completed."""
    fresh: dict[str, float] = {}

    def last() -> float | None:
        completed = [each for each in observer.accepted(min(put_at.values())) if each.completed_at]
        due = [url for url, since in put_at.items() if url not in fresh and purge_of(url, completed, since)]
        fresh.update((url, answer.at) for url, answer in edge.request(due) if answer.shows(AFTER))
        return max(fresh.values()) if len(fresh) == len(put_at) else None

    return awaited(last, "each new object on the edge")
