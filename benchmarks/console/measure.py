"""Visits the console with Chromium, and reads what the browser measured itself."""

from dataclasses import dataclass

from playwright.sync_api import Browser, Page

from benchmarks.console import pretended
from local.browser import chromium
from local.console.app import application
from local.console.feed import Feed
from local.console.server import listening

_MOST_MS = 60_000
_BETWEEN_MS = 150

# https://developer.mozilla.org/en-US/docs/Web/API/PerformancePaintTiming
_FIRST_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
_FIRST = (
    "() => performance.getEntriesByName('console first').map((each) => each.startTime + each.duration)[0]"
)
_UPDATES = "() => performance.getEntriesByName('console update').map((each) => each.duration)"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many objects and purges there are, and how many updates follow."""

    objects: int
    purges: int
    updates: int


@dataclass(frozen=True, slots=True)
class Visit:
    """What a browser measured, in milliseconds: `first_paint` and `pictures` since the navigation began."""

    first_paint: float
    pictures: float
    updates: tuple[float, ...]


def measured(sizes: Sizes, runs: int) -> list[Visit]:
    """Return the visits, each in a new browser. Raises LocalError if there is no Chromium."""
    visits = []
    for _ in range(runs):
        feed = Feed()
        pretended.fill(feed, sizes.objects, sizes.purges)
        parts = pretended.parts(feed)
        with (
            listening(lambda port, parts=parts: application(parts, port), feed) as url,
            chromium() as browser,
        ):
            visits.append(_visit(browser, url, feed, sizes))
    return visits


def _visit(browser: Browser, url: str, feed: Feed, sizes: Sizes) -> Visit:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(_MOST_MS)
    page.goto(url)
    page.locator(".card[data-state=same]").first.wait_for()
    pictures = float(page.evaluate(_FIRST))
    for number in range(sizes.updates):
        pretended.update(feed, number, sizes.objects, sizes.purges)
        _await_updates(page, number + 1)
    return Visit(float(page.evaluate(_FIRST_PAINT)), pictures, tuple(page.evaluate(_UPDATES)))


def _await_updates(page: Page, count: int) -> None:
    """Wait until so many updates are painted: the next one must not be part of the same event."""
    for _ in range(_MOST_MS // _BETWEEN_MS):
        page.wait_for_timeout(_BETWEEN_MS)
        if len(page.evaluate(_UPDATES)) >= count:
            return
    raise TimeoutError(f"The page did not paint update {count} within {_MOST_MS / 1000:g} seconds.")
