"""The console in a real browser, on the embedded stack."""

import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from local.browser import chromium
from local.console.bucket import MARKUP_KEY, Bucket
from local.console.server import served
from local.console.weather import SWITCHES
from local.stack import Stack
from local.workspace import PROJECT
from tests.e2e.polling import DEADLINE_SECONDS, until
from tests.e2e.stack_control import empty_edge, emulator_settings, reset_stack

_MS = DEADLINE_SECONDS * 1000
expect.set_options(timeout=_MS)
SCREENSHOTS = os.environ.get("SCREENSHOTS")
"""The folder for the screenshots of README.md; none are made without it. `make screenshots` sets it."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The distribution's Chromium."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def url(stack: Stack) -> Iterator[str]:
    """The console of the stack, with sample pictures in the bucket."""
    Bucket(stack).put_samples()
    reset_stack(stack)
    with served(stack) as address:
        yield address
    # The demo needs some of these keys to be new.
    for page in stack.s3.get_paginator("list_objects_v2").paginate(Bucket=stack.bucket):
        for each in page.get("Contents", []):
            stack.s3.delete_object(Bucket=stack.bucket, Key=each["Key"])
    empty_edge(stack)


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """The page in a new browser context. Afterwards no error may stand in its console."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    context.set_default_timeout(_MS)
    errors: list[str] = []
    shown = context.new_page()
    shown.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    shown.on("pageerror", lambda error: errors.append(str(error)))
    shown.goto(url)
    expect(shown.locator("#link")).to_have_text("live")
    yield shown
    context.close()
    assert errors == []


def _of(page: Page, key: str) -> Locator:
    return page.locator(".card", has=page.get_by_role("heading", name=key, exact=True))


def _card(page: Page, key: str) -> Locator:
    """The card of an object, which the filter shows."""
    page.locator("#filter").fill(key)
    expect(_of(page, key)).to_be_visible()
    return _of(page, key)


def _sees(card: Locator, state: str) -> None:
    expect(card).to_have_attribute("data-state", state)


def _cached(card: Locator) -> None:
    """Waits until the edge answers from its cache."""
    _sees(card, "same")
    expect(card.locator(".state")).to_contain_text("hit")


def _violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]


def _screenshot(page: Page, name: str, part: str = "") -> None:
    """Makes a screenshot of the screen, or of a part of the page."""
    if SCREENSHOTS:
        page.mouse.move(0, 0)
        where: Page | Locator = page.locator(part) if part else page
        where.screenshot(path=Path(SCREENSHOTS) / f"console-{name}.png")


def _overwrite(card: Locator) -> None:
    """Overwrites a picture on the page, and sees it stale."""
    card.get_by_role("button", name="Overwrite").click()
    _sees(card, "stale")


def test_an_overwritten_picture_is_stale_then_purged_completed_and_fresh(stack: Stack, page: Page) -> None:
    """The main job, as somebody sees it who only clicks; and the purge shows on the tree."""
    card = _card(page, "products/bag.jpg")
    _cached(card)
    with emulator_settings(stack, delay=6.0 if SCREENSHOTS else 2.0):
        _overwrite(card)
        if SCREENSHOTS:
            page.set_viewport_size({"width": 1440, "height": 1180})
            page.locator("#filter").fill("products/")
            expect(card).to_have_attribute("data-step", "accepted")
            _cached(_of(page, "products/frame.webp"))
            page.evaluate("scrollTo(0, 0)")
            _screenshot(page, "desk")
        expect(card).to_have_attribute("data-step", re.compile("accepted|completed|fresh"))
        _sees(card, "same")
        expect(card).to_have_attribute("data-step", "fresh")
    purge = page.locator("#purge-list li[data-purge]").filter(has_text="products/bag.jpg*").first
    expect(purge).to_have_attribute("data-state", "fresh")
    purge.get_by_role("button").click()
    expect(page.locator("#tree .leaf[data-mark=changed]")).to_have_text("bag.jpgchanged")


def test_a_wildcard_is_drawn_on_the_tree(stack: Stack, page: Page) -> None:
    """One purge for a folder that changed as a whole: the tree shows its prefix and all its keys."""
    folder = "campaigns/summer-2026/"
    for key in [
        each["Key"] for each in stack.s3.list_objects_v2(Bucket=stack.bucket, Prefix=folder)["Contents"]
    ]:
        stack.s3.copy_object(
            Bucket=stack.bucket, Key=key, CopySource={"Bucket": stack.bucket, "Key": "products/bag.jpg"}
        )
    purge = (
        page.locator("#purge-list li[data-purge][data-state=fresh]").filter(has_text=f"{folder}look-").first
    )
    purge.get_by_role("button").click()
    expect(page.locator(f"#tree .branch:has([data-folder='{folder}'])").last).to_have_attribute(
        "data-covered", "all"
    )
    expect(page.locator("#tree .leaf[data-mark=changed]")).to_have_count(10)
    assert _violations(page) == []
    _screenshot(page, "tree", "#purges")


def test_a_deleted_picture_is_gone_from_the_edge(stack: Stack, page: Page) -> None:
    """Until then the card stays, and says that the edge is stale."""
    card = _card(page, "products/mug.png")
    _cached(card)
    with emulator_settings(stack, delay=2.0):
        card.get_by_role("button", name="Delete").click()
        _sees(card, "stale")
        expect(card.locator(".badge")).to_have_text("gone")
    purge = page.locator("#purge-list li[data-purge]").filter(has_text="products/mug.png*").first
    expect(purge).to_have_attribute("data-state", "fresh")


def test_a_purge_without_an_object_comes_to_its_end(stack: Stack, page: Page) -> None:
    """Somebody purges a URL under which the bucket has nothing."""
    page.locator("#urls").fill(stack.url("products/never-there.png"))
    page.get_by_role("button", name="Purge", exact=True).click()
    purge = page.locator("#purge-list li[data-purge]").filter(has_text="products/never-there.png").first
    expect(purge).to_have_attribute("data-state", "completed")
    expect(page.locator("[data-station=flight] strong")).to_have_text("0")


def test_a_key_with_markup_is_a_text(page: Page) -> None:
    """No element is made of it, in no part of the page, and nothing of it runs."""
    card = _card(page, MARKUP_KEY)
    _cached(card)
    expect(card.get_by_role("heading")).to_have_text(MARKUP_KEY)
    card.get_by_role("button", name="Overwrite").click()
    expect(card).to_have_attribute("data-step", "fresh")
    card.get_by_role("button", name="URLs").click()
    expect(page.locator("#details-title")).to_have_text(MARKUP_KEY)
    expect(page.locator("#details .why")).to_contain_text("last purge")
    assert _violations(page) == []
    page.locator("#close-details").click()
    page.locator("#tree [data-folder='names/']").click()
    expect(page.locator("#tree")).to_contain_text(MARKUP_KEY.removeprefix("names/"))
    assert page.locator("img[src='x'], [onerror]").count() == 0


@pytest.mark.parametrize("name", [switch.name for switch in SWITCHES])
def test_bad_weather_loses_nothing(page: Page, name: str) -> None:
    """While a switch is on, the change waits and the picture is stale; after it, the picture is fresh."""
    card = _card(page, "products/lamp.jpg")
    _cached(card)
    switch = page.locator(f"[data-switch={name}]")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "true")
    try:
        _overwrite(card)
        if name == "slow":
            # Its status takes six seconds as well.
            expect(card).to_have_attribute("data-step", "accepted")
        else:
            expect(page.locator("#lost")).to_contain_text(re.compile("waits? for a purge"))
        if name in ("throttling", "key"):
            planned = page.locator("#purge-list li[data-state=planned]")
            expect(planned).to_contain_text("products/lamp.jpg*")
            expect(page.locator("#held")).to_contain_text(
                "throttled" if name == "throttling" else "key refused"
            )
        if name == "quota":
            expect(page.locator("#quota-facts")).to_contain_text("ImageKit says that its quota is used up")
        if name == "aws":
            expect(page.locator("#held")).to_contain_text("SubmitPurge")
            expect(page.locator("#held")).not_to_contain_text("arn:")
            # Another switch can be turned off meanwhile, though the function cannot go on.
            other = page.locator("[data-switch=slow]")
            for state in ("true", "false"):
                other.click()
                expect(other).to_have_attribute("aria-checked", state)
            expect(page.locator("#weather-problem")).to_have_text("")
    finally:
        switch.click()
        expect(switch).to_have_attribute("aria-checked", "false")
    expect(card).to_have_attribute("data-step", "fresh")
    _sees(card, "same")
    expect(page.locator("#lost")).to_contain_text("Nothing waits")


def test_the_form_says_what_to_write_instead(stack: Stack, page: Page) -> None:
    """A refused line names the reason and the remedy; the corrected form is accepted and Completed."""
    page.locator("#urls").fill(f"{stack.url('products/desk.jpg')}\nproducts/frame one.webp")
    page.get_by_role("button", name="Purge", exact=True).click()
    refused = page.locator("#form-result .refused li")
    expect(refused).to_contain_text("Line 2")
    assert _violations(page) == []
    refused.get_by_role("button").click()
    instead = stack.url("products/frame one.webp")
    expect(page.locator("#urls")).to_have_value(f"{stack.url('products/desk.jpg')}\n{instead}")
    page.get_by_role("button", name="Purge", exact=True).click()
    expect(page.locator("#form-result")).to_contain_text("2 purges accepted")
    until(
        lambda: (page.locator("#refresh").click(), page.locator("#requests tbody").inner_text())[1],
        "both requests Completed",
        lambda text: text.count("Completed") == 2,
    )


def test_an_upload_and_a_replayed_event(stack: Stack, page: Page, tmp_path: Path) -> None:
    """A file from this machine becomes an object with a picture; a file of events/ is delivered."""
    picture = tmp_path / f"{uuid.uuid4()}.png"
    picture.write_bytes(stack.s3.get_object(Bucket=stack.bucket, Key="products/pen.png")["Body"].read())
    page.locator("#upload [name=files]").set_input_files(picture)
    page.locator("#upload [name=folder]").fill("uploaded/")
    page.get_by_role("button", name="Upload", exact=True).click()
    _cached(_card(page, f"uploaded/{picture.name}"))
    page.locator("#replay select").select_option("s3/put.json")
    page.get_by_role("button", name="Deliver").click()
    expect(page.locator("#done")).to_contain_text("s3/put.json: ")


def test_the_cost_of_a_month(page: Page, tmp_path: Path) -> None:
    """A git bundle becomes a chart of ours beside the other policies, and the slider another one."""
    _drop(page, "#drop", "x.bundle", "# v2 git bundle\n?")
    expect(page.locator("#month-result")).to_contain_text("cannot be read")
    page.locator("#history").set_input_files(_bundle(tmp_path))
    expect(page.locator("#month-result tbody tr")).to_have_count(6)
    expect(page.locator("#month-result svg circle.ours")).to_be_visible()
    page.locator("#month-quota").fill("500")
    expect(page.locator("#month-result")).to_contain_text("500 purges a month")
    expect(page.locator("#month-result tbody tr")).to_have_count(6)
    expect(page.locator("#month-progress")).to_have_text("")
    expect(page.locator("#month-result tr[data-ours]")).to_contain_text("at most")
    page.locator("#month-versioned").uncheck()
    expect(page.locator("#month-result")).to_contain_text("a bucket without versions, 500 purges a month")
    expect(page.locator("#month-progress")).to_have_text("")
    assert _violations(page) == []


def _drop(page: Page, zone: str, name: str, content: str) -> None:
    """Drops a file on a part of the page, as from another window."""
    files = page.evaluate_handle(
        """([name, content]) => {
            const files = new DataTransfer();
            files.items.add(new File([content], name));
            return files;
        }""",
        [name, content],
    )
    page.dispatch_event(zone, "drop", {"dataTransfer": files})


def _bundle(folder: Path) -> Path:
    """A bundle of a repository with two commits that put and overwrite pictures."""
    home = folder / "pictures"
    home.mkdir()

    def git(*arguments: str) -> None:
        who = ("-c", "user.name=test", "-c", "user.email=test@example.com")
        subprocess.run(["git", *who, *arguments], cwd=home, check=True, capture_output=True)  # noqa: S603, S607

    git("init", "--quiet")
    for version in range(2):
        for number in range(12):
            (home / f"photo-{number}.jpg").write_text(f"{number} {version}")
        git("add", ".")
        git("commit", "--quiet", "--message", str(version))
    git("bundle", "create", str(folder / "pictures.bundle"), "HEAD")
    return folder / "pictures.bundle"


@pytest.mark.parametrize("width", [360, 768, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(page: Page, width: int, scheme: str) -> None:
    """No violation of axe, and nothing wider than the screen, on a phone and a desk, light and dark."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 900 if width > 400 else 780})
    page.locator("#filter").fill("products/")
    page.locator("#cards").scroll_into_view_if_needed()
    expect(page.locator(".card[data-state=same]").first).to_be_visible()
    if (width, scheme) == (360, "dark"):
        page.locator("#cards").evaluate("(cards) => cards.scrollIntoView()")
        for number in range(3):
            _sees(page.locator(".card").nth(number), "same")
        _screenshot(page, "phone")
    page.evaluate("scrollTo(0, 0)")
    expect(page.locator("#quota-facts dd").first).to_be_visible()
    assert _violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_works_by_keyboard(page: Page) -> None:
    """From the skip link to the first picture, its URLs, and back where one was."""
    _cached(_card(page, "products/vase.webp"))
    page.locator("#filter").focus()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == "URLs products/vase.webp":
            break
    page.keyboard.press("Enter")
    expect(page.locator("#details-title")).to_have_text("products/vase.webp")
    expect(page.locator("#details tbody tr")).to_have_count(3)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="URLs products/vase.webp")).to_be_focused()
    page.locator("[data-switch=slow]").focus()
    page.keyboard.press("Space")
    expect(page.locator("[data-switch=slow]")).to_have_attribute("aria-checked", "true")
    page.keyboard.press("Space")
    expect(page.locator("[data-switch=slow]")).to_have_attribute("aria-checked", "false")


def test_other_sites_are_refused(browser: Browser, url: str, page: Page) -> None:
    """A page of another origin can neither change anything here nor read the stream."""
    other = browser.new_context()
    try:
        foreign = other.new_page()
        foreign.route(
            "http://other.example/**", lambda route: route.fulfill(body="<p>other", content_type="text/html")
        )
        foreign.goto("http://other.example/")
        sent = foreign.evaluate(
            """async (url) => {
                const answer = (path, options) =>
                    fetch(url + path, options).then((got) => got.status, () => "refused");
                return [
                    await answer("api/delete", {method: "POST", body: '{"key": "products/pen.png"}'}),
                    await answer("events"),
                ];
            }""",
            url,
        )
        assert sent == ["refused", "refused"]
    finally:
        other.close()
    _sees(_card(page, "products/pen.png"), "same")


def test_the_documents_show_the_screenshots() -> None:
    """Each that this test makes is there, and small; and each that the documents show is one of them."""
    documents = "".join((PROJECT / name).read_text() for name in ("README.md", "docs/console.md"))
    shown = set(re.findall(r"(console-\w+)\.png", documents))
    assert shown == {"console-desk", "console-phone", "console-tree"}
    assert all((PROJECT / "docs" / f"{name}.png").stat().st_size < 300_000 for name in shown)
