"""What the edge served, as ``GET /v1/accounts/usage-analytics`` reports it.

The shape is that of the official SDK (imagekitio 5.x, `UsageAnalyticsResponse`). The lists about browsers,
countries and the like are empty: the emulator does not look at them.
"""

import mimetypes
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from http import HTTPStatus

_TOP = 10  # entries of each list; ImageKit does not document how many it has


@dataclass(frozen=True, slots=True)
class Served:
    """One answer of the edge. ``url`` has neither transformation nor query."""

    day: date
    url: str
    transformation: str
    endpoint: str
    """The URL prefix behind the ImageKit id, or ``Default``."""
    status: int
    hit: bool
    content_type: str


class Traffic:
    """Counts answers of the edge and their bytes. Not thread-safe: hold State.lock around every call."""

    def __init__(self) -> None:
        self._requests: Counter[Served] = Counter()
        self._bytes: Counter[Served] = Counter()

    def count(self, served: Served, size: int) -> None:
        """Count one answer with a body of ``size`` bytes."""
        self._requests[served] += 1
        self._bytes[served] += size

    def analytics(self, start: date, end: date, now: float) -> dict[str, object]:
        """Returns the answer for the days from ``start`` to ``end``, both included. ``now``: unix seconds."""
        found = [each for each in self._requests if start <= each.day <= end]
        good = [each for each in found if each.status == HTTPStatus.OK]
        images, videos, others = (
            [each for each in good if _kind(each.url) == kind] for kind in ("image", "video", "other")
        )
        return {
            "startDate": start.isoformat(),
            "endDate": end.isoformat(),
            "generatedAt": datetime.fromtimestamp(now, UTC).isoformat(),
            "requestCount": self._total(found),
            "bandwidthBytes": sum(self._bytes[each] for each in found),
            "cache": {
                "hitCount": self._total(each for each in found if each.hit),
                "missCount": self._total(each for each in found if not each.hit),
                "errorCount": 0,
            },
            "statusCodes": self._counted(found, lambda each: str(each.status)),
            "top404Assets": self._counted(
                (each for each in found if each.status == HTTPStatus.NOT_FOUND), lambda each: each.url
            ),
            "topImages": self._ranked(images, lambda each: each.url),
            "topVideos": self._ranked(videos, lambda each: each.url),
            "topOtherAssets": self._ranked(others, lambda each: each.url),
            "topImageTransforms": self._ranked(images, lambda each: each.transformation),
            "topVideoTransforms": self._ranked(videos, lambda each: each.transformation),
            "urlEndpoints": self._ranked(found, lambda each: each.endpoint),
            "format": self._ranked(found, lambda each: each.content_type),
            **{
                name: {"byRequests": [], "byBandwidth": []}
                for name in ("browser", "country", "device", "topReferrers", "topUserAgents")
            },
            **{name: [] for name in ("errorReasons", "extensions", "videoProcessing")},
        }

    def _total(self, found: Iterable[Served]) -> int:
        return sum(self._requests[each] for each in found)

    def _counted(self, found: Iterable[Served], name: Callable[[Served], str]) -> list[dict[str, object]]:
        counts: Counter[str] = Counter()
        for each in found:
            counts[name(each)] += self._requests[each]
        return [{"name": text, "requestCount": count} for text, count in counts.most_common(_TOP)]

    def _ranked(self, found: Iterable[Served], name: Callable[[Served], str]) -> dict[str, object]:
        requests: Counter[str] = Counter()
        sizes: Counter[str] = Counter()
        for each in found:
            if text := name(each):
                requests[text] += self._requests[each]
                sizes[text] += self._bytes[each]
        return {
            ranking: [
                {"name": text, "requestCount": requests[text], "bandwidthBytes": sizes[text]}
                for text, _ in counts.most_common(_TOP)
            ]
            for ranking, counts in (("byRequests", requests), ("byBandwidth", sizes))
        }


def _kind(url: str) -> str:
    """Returns image, video or other, by the extension."""
    kind = (mimetypes.guess_type(url)[0] or "").partition("/")[0]
    return kind if kind in {"image", "video"} else "other"
