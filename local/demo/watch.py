"""Follows each changed image: event received, purge accepted, Completed, stale before and fresh after."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from local.demo.edge import Edge, EdgeAnswer
from local.demo.stage import Subject
from local.observer import Accepted, Observer


@dataclass(slots=True)
class Story:
    """What was seen of one changed image so far. Times are unix seconds; None: not seen yet.

    `completed_at` is when TrackPurges saw the purge Completed. `stale` has the last old answer, from the
    cache and after the change, of each URL; `fresh` the first new one.
    """

    subject: Subject
    received_at: float | None = None
    purge: Accepted | None = None
    completed_at: float | None = None
    stale: dict[str, EdgeAnswer] = field(default_factory=dict)
    fresh: dict[str, EdgeAnswer] = field(default_factory=dict)

    @property
    def fresh_at(self) -> float | None:
        """When the last of its URLs was first seen fresh."""
        if len(self.fresh) < len(self.subject.urls):
            return None
        return max(look.at for look in self.fresh.values())

    @property
    def over(self) -> bool:
        """Whether there is nothing more to see."""
        return None not in (self.received_at, self.purge, self.completed_at, self.fresh_at)


class Watch:
    """Looks at everything again and again, without evicting anything.

    `looks` are the edge's answers from right after the changes, by URL.
    """

    def __init__(
        self, observer: Observer, edge: Edge, changed: Sequence[Subject], looks: Mapping[str, EdgeAnswer]
    ) -> None:
        self._observer = observer
        self._edge = edge
        self.started_at = min(subject.changed_at for subject in changed)
        self.stories = [Story(subject) for subject in changed]
        self.purges: list[Accepted] = []
        self._see(looks.items())

    @property
    def over(self) -> bool:
        """Whether all stories have come to their end."""
        return all(story.over for story in self.stories)

    def look(self) -> None:
        """One look at the edge, at ImageKit, at the ledger and at the log."""
        self._look_at_the_edge()
        self._look_at_the_purges()
        self._look_at_the_log()

    def seconds(self) -> float:
        """Since the first change."""
        return time.time() - self.started_at

    def _look_at_the_edge(self) -> None:
        self._see(self._edge.look(url for story in self.stories for url in self._stale_urls(story)))

    def _see(self, looks: Iterable[tuple[str, EdgeAnswer]]) -> None:
        story_of = {url: story for story in self.stories for url in self._stale_urls(story)}
        for url, look in looks:
            story = story_of[url]
            before, after = story.subject.before, story.subject.after
            if look.shows(after.body if after else None):
                story.fresh[url] = look
            elif look.hit and look.age > 0 and look.shows(before.body if before else None):
                story.stale[url] = look

    @staticmethod
    def _stale_urls(story: Story) -> list[str]:
        """Its URLs that were not seen fresh yet."""
        return [url for url in story.subject.urls if url not in story.fresh]

    def _look_at_the_purges(self) -> None:
        self.purges = self._observer.accepted(self.started_at)
        followed = self._observer.followed()
        for story in self.stories:
            if story.purge is None:
                story.purge = self._purge_for(story)
            if story.purge and story.completed_at is None and story.purge.request_id in followed:
                story.completed_at = followed[story.purge.request_id].completed_at

    def _purge_for(self, story: Story) -> Accepted | None:
        """The first purge after the change that covers all URLs of the image."""
        for purge in self.purges:
            if purge.accepted_at >= story.subject.changed_at and all(map(purge.covers, story.subject.urls)):
                return purge
        return None

    def _look_at_the_log(self) -> None:
        waiting = {story.subject.piece.key: story for story in self.stories if story.received_at is None}
        if not waiting:
            return
        for line in self._observer.log("SubmitPurge", "change received", self.started_at):
            story = waiting.get(line["key"])
            if story and line["at"] >= story.subject.changed_at and story.received_at is None:
                story.received_at = line["at"]
