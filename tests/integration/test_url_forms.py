"""Every URL form on a real socket: the edge caches it, the object changes, no URL shows the old bytes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
import requests

from local.imagekit.origin import NOT_FOUND, Fetched
from purging.changes import ObjectChange
from purging.urls import UrlMap
from tests.integration.harness import ENDPOINT, Harness, running_functions, running_harness

PROXY = "https://origin.s3.eu-central-1.amazonaws.com"
OLD = ("https://demo.imagekit.io", "https://ik.imgkit.net/demo")
DERIVED = ("ik-video.mp4", "ik-master.m3u8", "ik-thumbnail.jpg?tr=so-2", "ik-gif-video.mp4")


@dataclass
class Objects:
    """The bucket behind the edge: objects by key."""

    bodies: dict[str, bytes] = field(default_factory=dict)

    def fetch(self, bucket: str, key: str) -> Fetched:
        body = self.bodies.get(key) if bucket == "origin" else None
        return Fetched(200, body, "image/jpeg") if body else NOT_FOUND


@pytest.fixture
def objects() -> Objects:
    return Objects(dict.fromkeys(("shop/a/lamp.jpg", "shop/a/lamp.png", "shop/a/sofa.jpg"), b"old"))


@pytest.fixture
def harness(objects: Objects) -> Iterator[Harness]:
    with running_harness(objects.fetch, rewriters=["demo"]) as new:
        yield new


def shown(harness: Harness, url: str) -> tuple[str, str]:
    """What the edge answers to a URL of any host: the body, and `Hit` or `Miss`."""
    parts = urlsplit(url)
    target = url.partition(parts.netloc)[2]
    request = requests.Request("GET", harness.url, headers={"Host": parts.netloc}).prepare()
    request.url = harness.url + target  # unchanged; requests alone would normalise it
    with requests.Session() as session:
        answer = session.send(request, timeout=60)
    return answer.text, answer.headers["X-Cache"]


FORMS: dict[str, tuple[UrlMap, list[str]]] = {
    "plain": (
        UrlMap.parse(f"origin={ENDPOINT}"),
        [f"{ENDPOINT}/shop/a/lamp.jpg{end}" for end in ("", "?tr=w-300", "?v=2", "?ik-t=1&ik-s=2")],
    ),
    "video": (
        UrlMap.parse(f"origin={ENDPOINT}"),
        [f"{ENDPOINT}/shop/a/lamp.jpg/{name}" for name in DERIVED],
    ),
    "path transformations": (
        UrlMap.parse(f"origin={ENDPOINT}", ["tr:w-300", "tr:n-thumb"]),
        [f"{ENDPOINT}/{each}/shop/a/lamp.jpg" for each in ("tr:w-300", "tr:n-thumb")],
    ),
    "rewriter": (
        UrlMap.parse(f"origin={ENDPOINT}", ["w_300,h_300", "image/upload/w_300"]),
        [f"{ENDPOINT}/{each}/shop/a/lamp.jpg" for each in ("w_300,h_300", "image/upload/w_300")],
    ),
    "seo": (
        UrlMap.parse(f"origin={ENDPOINT}", ["tr:w-300"], seo=True),
        [
            f"{ENDPOINT}/ik-seo/{each}shop/a/lamp/{words}"
            for each in ("", "tr:w-300/")
            for words in ("a-green-lamp.jpg", "lamp.jpg?tr=w-2")
        ],
    ),
    "web proxy": (
        UrlMap.parse(f"origin={ENDPOINT}/{PROXY}", ["tr:w-300"], seo=True),
        [
            f"{ENDPOINT}/{PROXY}/shop/a/lamp.jpg?tr=w-300",
            f"{ENDPOINT}/tr:w-300/{PROXY}/shop/a/lamp.jpg",
            f"{ENDPOINT}/ik-seo/{PROXY}/shop/a/lamp/a-green-lamp.jpg",
        ],
    ),
    "old hosts": (
        UrlMap.parse(",".join(f"origin={each}" for each in (ENDPOINT, *OLD)), ["tr:w-300"], seo=True),
        [
            f"{host}/{each}"
            for host in OLD
            for each in ("shop/a/lamp.jpg", "tr:w-300/shop/a/lamp.jpg?v=1", "ik-seo/shop/a/lamp/green.jpg")
        ],
    ),
    "dependents": (
        UrlMap.parse(f"origin={ENDPOINT}", dependent=f"*/lamp.*={ENDPOINT}/shop/b/*"),
        [f"{ENDPOINT}/shop/b/{name}?tr=l-image,i-shop@@a@@lamp.jpg,l-end" for name in ("x.jpg", "y.jpg")],
    ),
}
PURGES = {
    **dict.fromkeys(("plain", "video"), 1),
    "path transformations": 3,
    "rewriter": 3,
    "seo": 4,
    "web proxy": 4,
    "old hosts": 12,
    "dependents": 2,
}


def change(harness: Harness, objects: Objects, key: str) -> ObjectChange:
    """Changes every object, and returns the change of one: the edge shows which URLs were evicted."""
    objects.bodies = dict.fromkeys([*objects.bodies, "shop/b/x.jpg", "shop/b/y.jpg"], b"new")
    return harness.change(key)


@pytest.mark.parametrize("form", FORMS)
def test_after_a_change_no_url_of_a_form_is_stale(form: str, harness: Harness, objects: Objects) -> None:
    """Each URL is cached, stays stale until the purge completes, and is fresh then. The price is as the
    documents say, and the neighbour `sofa` stays in the cache."""
    url_map, urls = FORMS[form]
    objects.bodies |= {"shop/b/x.jpg": b"old", "shop/b/y.jpg": b"old"}
    neighbour = urls[0].replace("lamp", "sofa") if form != "dependents" else f"{ENDPOINT}/shop/a/sofa.jpg"
    every = [*urls, neighbour]
    assert [shown(harness, url) for url in every] == [("old", "Miss")] * len(every)
    harness.ledger.add([change(harness, objects, "shop/a/lamp.jpg")])
    assert [shown(harness, url) for url in every] == [("old", "Hit")] * len(every)
    report = harness.drain(url_map=url_map)
    harness.clock.sleep(60)
    assert [shown(harness, url) for url in urls] == [("new", "Miss")] * len(urls)
    assert shown(harness, neighbour) == ("old", "Hit")
    assert len(harness.purged) == PURGES[form] == harness.ledger.state("2030-05").used
    assert (report.settled, report.held) == (1, 0)


def test_without_its_setting_a_form_stays_stale(harness: Harness, objects: Objects) -> None:
    """So the test above proves something: no form but the plain ones is covered by `KEY*`."""
    free = ("plain", "video")
    stale = [url for form, (_, urls) in FORMS.items() if form not in free for url in urls]
    objects.bodies |= {"shop/b/x.jpg": b"old", "shop/b/y.jpg": b"old"}
    for url in stale:
        shown(harness, url)
    harness.ledger.add([change(harness, objects, "shop/a/lamp.jpg")])
    harness.drain()
    harness.clock.sleep(60)
    assert [shown(harness, url) for url in stale] == [("old", "Hit")] * len(stale)


def test_seo_urls_of_a_namesake_are_evicted_and_nothing_else(harness: Harness, objects: Objects) -> None:
    """`lamp.png` has SEO-friendly URLs under the wildcard of `lamp.jpg`; its plain URL stays cached."""
    namesake = f"{ENDPOINT}/ik-seo/shop/a/lamp/words.png"
    for url in (namesake, f"{ENDPOINT}/shop/a/lamp.png"):
        assert shown(harness, url) == ("old", "Miss")
    harness.ledger.add([change(harness, objects, "shop/a/lamp.jpg")])
    harness.drain(url_map=UrlMap.parse(f"origin={ENDPOINT}", seo=True))
    harness.clock.sleep(60)
    assert shown(harness, namesake) == ("new", "Miss")
    assert shown(harness, f"{ENDPOINT}/shop/a/lamp.png") == ("old", "Hit")


def dependents(text: str) -> UrlMap:
    return UrlMap.parse(f"origin={ENDPOINT}", dependent=text)


def test_objects_with_the_same_dependent_share_its_purge(harness: Harness) -> None:
    """Ten overlays change, and the images that show them are purged once."""
    harness.ledger.add([harness.change(f"overlays/{n}/logo.png") for n in range(10)])
    harness.drain(url_map=dependents("overlays/*=/shop/b/*"))
    assert harness.purged.count(f"{ENDPOINT}/shop/b/*") == 1


def test_a_dependent_whose_purge_fails_is_not_lost(harness: Harness) -> None:
    """The change is pending until ImageKit accepts the purge of each of its URLs, its own and dependents."""
    url_map = dependents("overlays/*=/shop/b/*")
    harness.inject("5xx", times=1, nth=2)
    harness.ledger.add([harness.change("overlays/logo.png")])
    assert harness.drain(url_map=url_map).held == 1
    assert len(harness.purged) == 1
    harness.clock.sleep(900)
    assert harness.drain(url_map=url_map).held == 0
    assert sorted(harness.purged) == [f"{ENDPOINT}/overlays/logo.png*", f"{ENDPOINT}/shop/b/*"]


def test_a_redelivered_change_purges_no_dependent_again(harness: Harness) -> None:
    """The accepted purge covers it, as it covers the object's own URLs."""
    url_map = dependents("overlays/*=/shop/b/*")
    redelivered = harness.change("overlays/logo.png")
    for _ in range(2):
        harness.ledger.add([redelivered])
        harness.drain(url_map=url_map)
        harness.clock.sleep(60)
    assert len(harness.purged) == 2


def test_a_purge_before_the_change_does_not_cover_a_dependent(harness: Harness) -> None:
    """Each change of the overlay purges them again."""
    url_map = dependents("overlays/*=/shop/b/*")
    for _ in range(2):
        harness.ledger.add([harness.change("overlays/logo.png")])
        harness.drain(url_map=url_map)
        harness.clock.sleep(60)
    assert harness.purged.count(f"{ENDPOINT}/shop/b/*") == 2


ENVIRONMENT: Mapping[str, str] = {
    "URL_MAP": f"origin/shop={ENDPOINT}/shop,origin/shop={OLD[0]}",
    "PATH_TRANSFORMATIONS": "tr:n-thumb w_300",
    "SEO_URLS": "true",
    "DEPENDENTS": f"fonts/*={ENDPOINT}/shop/b/c/*",
}


def _event(harness: Harness, key: str) -> dict[str, object]:
    time = datetime.fromtimestamp(harness.clock() - 1, UTC).isoformat().replace("+00:00", "Z")
    entity = {"key": key, "sequencer": "1"}
    record = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventTime": time}
    return {"Records": [{**record, "s3": {"bucket": {"name": "origin"}, "object": entity}}]}


def test_a_font_outside_of_the_served_folders_purges_what_shows_it(harness: Harness) -> None:
    """The function keeps its change, although no URL shows the font itself. `explain` says so."""
    with running_functions(harness, **ENVIRONMENT) as functions:
        answer = functions.submit(_event(harness, "fonts/a.ttf"))
        assert [each["url"] for each in answer["purges"]] == [f"{ENDPOINT}/shop/b/c/*"]
        explained = functions.submit({"explain": {"bucket": "origin", "key": "fonts/a.ttf"}})
        assert [(each["url"], each["form"]) for each in explained["urls"]] == [
            (f"{ENDPOINT}/shop/b/c/*", "dependent")
        ]
        assert not explained["served"]
        assert "Dependents names URLs that show the object" in explained["why"]
        assert functions.submit(_event(harness, "other/a.ttf"))["purges"] == []


def test_explain_lists_every_form(harness: Harness) -> None:
    """Each URL of an object with the purge that covered it; `status` shows the settings."""
    with running_functions(harness, **ENVIRONMENT) as functions:
        functions.submit(_event(harness, "shop/lamp.jpg"))
        explained = functions.submit({"explain": "origin/shop/lamp.jpg"})
        found = {each["url"]: (each["form"], each["last_purge"]["url"]) for each in explained["urls"]}
        plain = [
            f"{host}/{each}lamp.jpg"
            for host in (f"{ENDPOINT}/shop", OLD[0])
            for each in ("", "tr:n-thumb/", "w_300/")
        ]
        seo = [
            f"{host}/ik-seo/{each}lamp/*"
            for host in (f"{ENDPOINT}/shop", OLD[0])
            for each in ("", "tr:n-thumb/")
        ]
        assert found == {url: ("plain", f"{url}*") for url in plain} | {url: ("seo", url) for url in seo}
        settings = functions.submit({"status": True})["settings"]
        assert (settings["seo_urls"], settings["dependents"]) == (True, [f"fonts/*={ENDPOINT}/shop/b/c/*"])
