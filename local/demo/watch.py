"""Follows each changed image: event received, purge accepted, Completed, stale before and fresh after."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from local.demo.actions import DemoImage
from local.demo.edge_client import EdgeAnswer, EdgeClient
from local.observer import Accepted, Observer


@dataclass(slots=True)
class ImageStatus:
    """What was seen of one changed image so far. Times are unix seconds; None: not seen yet.

    `completed_at` is when TrackPurges saw that the purge was Completed. `stale` has the last answer of each
    URL that came from the cache after the change and showed the old picture. `fresh` has the first answer of
    each URL that showed the new picture.
    """

    image: DemoImage
    received_at: float | None = None
    purge: Accepted | None = None
    completed_at: float | None = None
    stale: dict[str, EdgeAnswer] = field(default_factory=dict)
    fresh: dict[str, EdgeAnswer] = field(default_factory=dict)

    @property
    def fresh_at(self) -> float | None:
        """When all URLs of the image had been seen fresh."""
        if len(self.fresh) < len(self.image.urls):
            return None
        return max(answer.at for answer in self.fresh.values())

    @property
    def stale_urls(self) -> list[str]:
        """The URLs that were not seen fresh yet."""
        return [url for url in self.image.urls if url not in self.fresh]

    @property
    def done(self) -> bool:
        """Whether everything was seen."""
        return None not in (self.received_at, self.purge, self.completed_at, self.fresh_at)


class Watch:
    """Checks the changed images again and again, and evicts nothing.

    `answers` are the answers of the edge right after the changes, by URL.
    """

    def __init__(
        self,
        observer: Observer,
        edge: EdgeClient,
        changed: Sequence[DemoImage],
        answers: Mapping[str, EdgeAnswer],
    ) -> None:
        self._observer = observer
        self._edge = edge
        self.started_at = min(image.changed_at for image in changed)
        self.statuses = [ImageStatus(image) for image in changed]
        self.purges: list[Accepted] = []
        self._record(answers.items())

    @property
    def done(self) -> bool:
        """Whether everything was seen of every image."""
        return all(status.done for status in self.statuses)

    def check(self) -> None:
        """Check the edge, ImageKit's purges, the ledger and the log once, and update the statuses."""
        self._record(self._edge.request(url for status in self.statuses for url in status.stale_urls))
        self._check_purges()
        self._check_log()

    def seconds(self) -> float:
        """Returns the seconds since the first change."""
        return time.time() - self.started_at

    def _record(self, answers: Iterable[tuple[str, EdgeAnswer]]) -> None:
        status_of = {url: status for status in self.statuses for url in status.stale_urls}
        for url, answer in answers:
            status = status_of[url]
            before, after = status.image.before, status.image.after
            if answer.shows(after.body if after else None):
                status.fresh[url] = answer
            elif answer.hit and answer.age > 0 and answer.shows(before.body if before else None):
                status.stale[url] = answer

    def _check_purges(self) -> None:
        self.purges = self._observer.accepted(self.started_at)
        in_ledger = self._observer.ledger_purges()
        for status in self.statuses:
            if status.purge is None:
                status.purge = self._purge_for(status.image)
            if status.purge and status.completed_at is None and status.purge.request_id in in_ledger:
                status.completed_at = in_ledger[status.purge.request_id].completed_at

    def _purge_for(self, image: DemoImage) -> Accepted | None:
        """Returns the first purge after the change that covers all URLs of the image."""
        for purge in self.purges:
            if purge.accepted_at >= image.changed_at and all(map(purge.covers, image.urls)):
                return purge
        return None

    def _check_log(self) -> None:
        unseen = {status.image.spec.key: status for status in self.statuses if status.received_at is None}
        if not unseen:
            return
        for line in self._observer.log("SubmitPurge", "change received", self.started_at):
            status = unseen.get(line["key"])
            if status and line["at"] >= status.image.changed_at and status.received_at is None:
                status.received_at = line["at"]
