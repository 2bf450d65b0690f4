"""Whether the main job was done: every changed image is fresh, and every untouched one is still cached."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from local.demo.actions import DemoImage
from local.demo.edge_client import EdgeAnswer, EdgeClient
from local.demo.watch import ImageStatus, Watch


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds since the changes, over all changed images."""

    median: float
    worst: float


def accepted_timing(watch: Watch) -> Timing | None:
    """Returns the seconds from change to purge accepted; None if no purge was accepted."""
    return _timing(
        [status.purge.accepted_at - status.image.changed_at for status in watch.statuses if status.purge]
    )


def fresh_timing(watch: Watch) -> Timing | None:
    """Returns the seconds from change to all URLs of an image fresh; None if no image is fresh."""
    return _timing(
        [status.fresh_at - status.image.changed_at for status in watch.statuses if status.fresh_at]
    )


def problems(watch: Watch) -> list[str]:
    """Returns what is missing for the changed images, a line each."""
    return [
        f"{status.image.spec.key!r}: {problem}" for status in watch.statuses for problem in _problems(status)
    ]


def check_untouched(
    edge: EdgeClient, images: Sequence[DemoImage], warmed: Mapping[str, EdgeAnswer]
) -> tuple[int, list[str]]:
    """Request every URL of the untouched images once more.

    Returns (number of URLs that still show the same cached copy as in `warmed`, a line for each other URL).
    """
    expected = {url: image for image in images if image.untouched for url in image.urls}
    wrong = []
    for url, answer in edge.request(expected):
        image = expected[url]
        if not answer.shows(image.before.body if image.before else None):
            wrong.append(f"{image.spec.key!r}: untouched, but shows something else at {url}")
        elif not answer.hit or not answer.is_same_copy_as(warmed[url]):
            wrong.append(f"{image.spec.key!r}: untouched, but evicted from the cache at {url}")
    return len(expected) - len(wrong), wrong


def _timing(seconds: Sequence[float]) -> Timing | None:
    return Timing(median(seconds), max(seconds)) if seconds else None


def _problems(status: ImageStatus) -> list[str]:
    found = []
    if status.received_at is None:
        found.append("SubmitPurge logged no event of its change")
    if status.purge is None:
        found.append("ImageKit accepted no purge that covers it")
    elif status.completed_at is None:
        found.append(f"TrackPurges did not see purge {status.purge.request_id} Completed")
    for url in status.image.urls:
        if url not in status.fresh:
            found.append(f"still stale at {url}")
        if url not in status.stale:
            found.append(f"never seen stale from the cache at {url}, so its freshness proves nothing")
    return found
