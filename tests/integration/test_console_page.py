"""The page in a real browser, with a pretended stack behind it: what a page does by itself."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from benchmarks.console import pretended
from local.browser import chromium
from local.console.app import application
from local.console.feed import Feed
from local.console.looks import Look
from local.console.server import listening
from local.ports import Reservation

_MS = 60_000
_KEYS = ("shop-00/products-000/picture-00000.jpg", "shop-01/products-001/picture-00001.jpg")
_STATUS = {"answer": {"held": [], "pending": {"changes": 2, "objects": 1}}, "problem": ""}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The distribution's Chromium."""
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new page. Afterwards no script of it may have failed."""
    shown = browser.new_page(viewport={"width": 1440, "height": 900})
    shown.set_default_timeout(_MS)
    errors: list[str] = []
    shown.on("pageerror", lambda error: errors.append(str(error)))
    yield shown
    shown.close()
    assert errors == []


def _live(page: Page) -> None:
    expect(page.locator("#link")).to_have_text("live", timeout=_MS)


def test_a_page_begins_anew_with_a_new_console(page: Page) -> None:
    """The old one's progress and the failures meanwhile are gone. Without a console, nobody looks."""
    port = Reservation().release()
    old, new = Feed(), Feed()
    for feed in (old, new):
        pretended.fill(feed, 3, 2)
    old.set_value(
        "month",
        {"quota": 500, "versioned": False, "progress": "Simulating …", "rows": [], "problem": "", "note": ""},
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(_path(request)))
    parts = pretended.parts(old)
    with listening(lambda port: application(parts, port), old, port) as url:
        page.goto(url)
        expect(page.locator("#month-progress")).to_have_text("Simulating …")
        page.locator(".card[data-state=same]").first.wait_for()
    expect(page.locator("#trouble")).to_contain_text("does not answer", timeout=_MS)
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("#done")).to_contain_text("does not answer")
    del asked[:]
    page.wait_for_event("request", lambda request: _path(request) == "/events")
    page.wait_for_event("request", lambda request: _path(request) == "/events")
    assert "/api/look" not in asked
    parts = pretended.parts(new)
    with listening(lambda port: application(parts, port), new, port):
        expect(page.locator("#month-progress")).to_have_text("", timeout=_MS)
        _live(page)
        expect(page.locator("#trouble")).to_be_hidden()
        expect(page.locator("#done")).to_have_text("")


def _path(request: Request) -> str:
    return "/" + request.url.partition("://")[2].partition("/")[2].partition("?")[0]


def test_a_page_takes_over_the_terms_of_a_simulation(url: str, feed: Feed, page: Page) -> None:
    """The slider stands where the chart has its quota, also after the page was loaded anew."""
    shown = {
        "quota": 500,
        "versioned": False,
        "progress": "",
        "rows": [],
        "problem": "x is no log",
        "note": "",
    }
    feed.set_value("month", shown)
    for load in (lambda: page.goto(url), page.reload):
        load()
        expect(page.locator("#month-quota")).to_have_value("500")
        expect(page.locator("#month-quota-shown")).to_have_text("500")
        expect(page.locator("#month-versioned")).not_to_be_checked()
        expect(page.locator("#month-result")).to_have_text("x is no log")
    feed.set_value("month", {**shown, "progress": "Reading the history …", "problem": ""})
    expect(page.locator("#month-result")).to_have_text("")


def test_a_card_with_the_focus_stays(url: str, feed: Feed, page: Page) -> None:
    """Under "stale only", a card that becomes fresh stays as long as somebody is at it."""
    feed.set_rows("objects", {_KEYS[0]: {**(feed.row("objects", _KEYS[0]) or {}), "step": "pending"}})
    page.goto(url)
    expect(page.locator("#objects-count")).to_have_text("3")
    page.locator("#only-changed").check()
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator("#objects-count")).to_have_text("1 of 3")
    button = page.get_by_role("button", name=f"Overwrite {_KEYS[0]}")
    button.focus()
    feed.set_rows("objects", {key: {**(feed.row("objects", key) or {}), "step": ""} for key in _KEYS})
    expect(page.locator(".card .steps")).to_be_hidden()
    expect(button).to_be_focused()
    page.locator("#filter").focus()
    expect(page.locator(".card")).to_have_count(0)


def test_the_focus_goes_on_to_the_next_card(url: str, feed: Feed, page: Page) -> None:
    """When an object is gone for good, and its card with it."""
    page.goto(url)
    page.get_by_role("button", name=f"Overwrite {_KEYS[0]}").focus()
    feed.set_rows("objects", {_KEYS[0]: None})
    expect(page.get_by_role("button", name=f"Overwrite {_KEYS[1]}")).to_be_focused()


def test_an_accepted_purge_keeps_the_focus_of_the_planned_one(url: str, feed: Feed, page: Page) -> None:
    """It has another id, so its row is another one."""
    row = next(iter(feed.rows("purges").values()))
    feed.replace("purges", {"planned x": {**row, "state": "planned", "accepted": None, "shown": "x*"}})
    page.goto(url)
    page.get_by_role("button", name="x*", exact=True).focus()
    feed.replace(
        "purges", {"r1": {**row, "state": "accepted", "completed": None, "fresh": None, "shown": "x*"}}
    )
    expect(page.locator("[data-purge=r1] button")).to_be_focused()


def test_a_purge_without_an_object_ends_as_completed(url: str, feed: Feed, page: Page) -> None:
    """It is in flight until then, and nothing waits for a fresh copy."""
    row = {**next(iter(feed.rows("purges").values())), "changed": 0, "seen": False, "fresh": None}
    feed.replace("purges", {"r1": {**row, "state": "accepted"}})
    page.goto(url)
    flight, done = (page.locator(f"[data-station={name}] strong") for name in ("flight", "done"))
    expect(flight).to_have_text("1")
    feed.replace("purges", {"r1": {**row, "state": "completed"}})
    expect(flight).to_have_text("0")
    expect(done).to_have_text("1")
    expect(page.locator("[data-purge=r1] .steps li:visible").last).to_have_text("Completed")
    expect(page.locator("[data-purge=r1]")).to_contain_text("no object of the bucket")


def test_what_is_held_names_throttling(url: str, feed: Feed, page: Page) -> None:
    """The status of the function does not, since a drain waits for ImageKit within its own time."""
    feed.set_value("status", _STATUS)
    page.goto(url)
    expect(page.locator("#held")).to_have_text("2 changes pending; the next drain takes them.")
    feed.set_value("throttled", True)
    expect(page.locator("#held")).to_contain_text("throttled")
    feed.set_value("whereabouts", {"queue": 0, "ledger": 1, "dead": 0})
    expect(page.locator("#lost")).to_have_text("Nothing is lost: 1 change waits for a purge.")


@pytest.mark.parametrize(
    ("refused", "text"), [(True, "none: ImageKit says that its quota is used up"), (False, "none, and")]
)
def test_the_gauge_says_that_the_quota_is_used_up(
    url: str, feed: Feed, page: Page, refused: bool, text: str
) -> None:
    """It promises neither purges nor days then."""
    parts: dict[str, Any] = {"used_part": 0.1, "reserve_part": 0.1, "month_part": 0.5, "month": "2026-12"}
    numbers = {"used": 100, "monthly": 1000, "reserve": 100, "left": 800, "expected": 0.0}
    feed.set_value("gauge", {**parts, **numbers, "ends_at": None, "used_up": True, "refused": refused})
    page.goto(url)
    expect(page.locator("#quota-facts")).to_contain_text(text)
    expect(page.locator("#quota-facts")).to_contain_text("it is at its end: changes wait")


class _Answer(NamedTuple):
    content: bytes
    headers: dict[str, str]
    ok: bool = True


class _Texts:
    """An edge with an older text under every URL."""

    def look(self, urls: Iterable[str]) -> list[Look]:
        return [Look(url, 200, True, 60, '"fedcba9876543210"', time.time()) for url in urls]

    def get(self, _url: str) -> _Answer:
        return _Answer(b"old", {"Content-Type": "text/plain"})


def test_what_is_no_picture_shows_its_version(feed: Feed, page: Page) -> None:
    """It looks like a file, not like an empty place, and the versions of edge and origin can be compared."""
    edge: Any = _Texts()
    parts = replace(pretended.parts(feed), edge=edge)
    with listening(lambda port: application(parts, port), feed) as url:
        page.goto(url)
        card = page.locator(".card").first
        expect(card.locator("figcaption").first).to_have_text("Edge · fedcba98")
        expect(card.locator("img").first).to_have_attribute("src", "/static/file.svg")
        expect(card.locator("figcaption").last).to_have_text("Origin")
        page.goto("about:blank")


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_text_of_twice_the_size_fits(url: str, page: Page, width: int) -> None:
    """Nothing is wider than the screen: https://www.w3.org/WAI/WCAG22/Understanding/resize-text.html"""
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(url)
    _live(page)
    page.evaluate("document.documentElement.style.fontSize = '187.5%'")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


class _Bucket:
    """Keeps the keys that are put."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def put(self, key: str, _body: bytes, _content_type: str) -> tuple[None, float]:
        self.keys.append(key)
        return None, 0.0


class _Watcher:
    def stored(self, _key: str) -> None:
        return None

    def changed(self, *_change: object) -> None:
        return


def test_an_uploaded_file_keeps_its_name(feed: Feed, page: Page) -> None:
    """Chromium changes some names on the way; the object has the name that the file has."""
    names = ['a "b".png', "a%22.png", "a\nb.png", "a\\b.png"]
    bucket = _Bucket()
    doings: dict[str, Any] = {"bucket": bucket, "watcher": _Watcher()}
    parts = replace(pretended.parts(feed), **doings)
    with listening(lambda port: application(parts, port), feed) as url:
        page.goto(url)
        page.locator("#upload [name=files]").evaluate(
            """(input, names) => {
                const files = new DataTransfer();
                for (const name of names) files.items.add(new File(["x"], name));
                input.files = files.files;
            }""",
            names,
        )
        page.get_by_role("button", name="Upload", exact=True).click()
        expect(page.locator("#done")).to_have_text('Uploaded 4 objects, the first is a "b".png.')
        assert bucket.keys == names
        page.goto("about:blank")
