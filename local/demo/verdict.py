"""Whether the main job was done: every changed image fresh, every other one still the same cached copy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from local.demo.edge import Edge, EdgeAnswer
from local.demo.stage import Subject
from local.demo.watch import Story, Watch


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds from the changes to something, over all changed images."""

    median: float
    worst: float


def spread(seconds: Sequence[float]) -> Spread | None:
    """Median and worst; None of nothing."""
    return Spread(median(seconds), max(seconds)) if seconds else None


def to_accepted(watch: Watch) -> Spread | None:
    """From change to purge accepted."""
    return spread([each.purge.accepted_at - each.subject.changed_at for each in watch.stories if each.purge])


def to_fresh(watch: Watch) -> Spread | None:
    """From change to the last URL of the image fresh."""
    return spread([each.fresh_at - each.subject.changed_at for each in watch.stories if each.fresh_at])


def problems(watch: Watch) -> list[str]:
    """What is missing for a good end of the changed images, a line each."""
    return [f"{story.subject.piece.key!r}: {what}" for story in watch.stories for what in _missing(story)]


def _missing(story: Story) -> list[str]:
    missing = []
    if story.received_at is None:
        missing.append("SubmitPurge logged no event of its change")
    if story.purge is None:
        missing.append("ImageKit accepted no purge that covers it")
    elif story.completed_at is None:
        missing.append(f"TrackPurges did not see purge {story.purge.request_id} Completed")
    for url in story.subject.urls:
        if url not in story.fresh:
            missing.append(f"still stale at {url}")
        if url not in story.stale:
            missing.append(f"never seen stale from the cache at {url}, so its freshness proves nothing")
    return missing


def spared(
    edge: Edge, subjects: Sequence[Subject], warmed: Mapping[str, EdgeAnswer]
) -> tuple[int, list[str]]:
    """(how many URLs of untouched images still show the same cached copy, what is wrong with the rest)."""
    expected = {url: subject for subject in subjects if subject.kept for url in subject.urls}
    wrong = []
    for url, look in edge.look(expected):
        picture = expected[url].before
        if not look.shows(picture.body if picture else None):
            wrong.append(f"{expected[url].piece.key!r}: untouched, but shows something else at {url}")
        elif not look.hit or not look.is_same_copy_as(warmed[url]):
            wrong.append(f"{expected[url].piece.key!r}: untouched, but evicted from the cache at {url}")
    return len(expected) - len(wrong), wrong
