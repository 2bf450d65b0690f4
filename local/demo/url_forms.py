"""The second act of the demo: one image changes, and its URL is seen fresh in every form."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from local.demo.display import Display
from local.demo.drawing import draw
from local.demo.edge_client import EdgeAnswer, EdgeClient
from local.environment import REGION
from local.errors import LocalError
from local.observer import Accepted, Observer
from local.polling import attempts
from local.stack import Stack

KEY = "products/lamp.jpg"
"""An image of the catalogue that the first act leaves as it is."""

_OLD_HOST = "https://demo.imagekit.io"
_TRANSFORMATION, _REWRITTEN = "tr:w-300", "w_300,h_300"
_DEPENDENT = "campaigns/winter-2026"

EMULATOR = ("--rewriter", "demo")
"""Options of the emulated ImageKit: its endpoint understands Cloudinary's URLs."""

_DEADLINE_SECONDS = 300.0  # a busy machine is slow
_POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class FormOfUrl:
    """One URL of the image, by the name of its form."""

    form: str
    url: str
    contains_key: bool = True
    """Whether the URL shows the image itself: one that only depends on it shows another one."""


@dataclass(frozen=True, slots=True)
class SeenForm:
    """What was seen of a URL: the last answer before the change, and the first fresh one after it."""

    shown: FormOfUrl
    before: EdgeAnswer
    after: EdgeAnswer
    purge: Accepted | None


def parameters(stack: Stack) -> dict[str, str]:
    """Returns the parameters of the template with which the stack covers every form.

    The functions do not check the CDN: the old host is a real one, and only the demo's requests for it go to
    the emulated edge.
    """
    endpoints = (stack.url_endpoint, _OLD_HOST, f"{stack.url_endpoint}/{_bucket_url(stack)}")
    return {
        "UrlMap": ",".join(f"*={endpoint}" for endpoint in endpoints),
        "PathTransformations": f"{_TRANSFORMATION} {_REWRITTEN}",
        "SeoUrls": "true",
        "Dependents": f"{KEY}={stack.url_endpoint}/{_DEPENDENT}/*",
        "VerifyFreshness": "false",
    }


def forms(stack: Stack) -> Iterator[FormOfUrl]:
    """Yields a URL of each form."""
    endpoint, stem = stack.url_endpoint, KEY.removesuffix(".jpg")
    yield FormOfUrl("plain", f"{endpoint}/{KEY}")
    yield FormOfUrl("query", f"{endpoint}/{KEY}?tr=w-300")
    yield FormOfUrl("derived file", f"{endpoint}/{KEY}/ik-thumbnail.jpg")
    yield FormOfUrl("path transformation", f"{endpoint}/{_TRANSFORMATION}/{KEY}")
    yield FormOfUrl("rewriter", f"{endpoint}/{_REWRITTEN}/{KEY}")
    yield FormOfUrl("SEO", f"{endpoint}/ik-seo/{stem}/a-lamp.jpg")
    yield FormOfUrl("SEO, transformed", f"{endpoint}/ik-seo/{_TRANSFORMATION}/{stem}/lamp.jpg")
    yield FormOfUrl("web proxy", f"{endpoint}/{_bucket_url(stack)}/{KEY}")
    yield FormOfUrl("old host", f"{_OLD_HOST}/{KEY}")
    watermarked = f"{endpoint}/{_DEPENDENT}/look-01.jpg?tr=l-image,i-{KEY.replace('/', '@@')},l-end"
    yield FormOfUrl("dependent", watermarked, contains_key=False)


class UrlForms:
    """The second act, on a stack that was deployed with `parameters`."""

    def __init__(self, stack: Stack, observer: Observer, display: Display) -> None:
        self._stack = stack
        self._observer = observer
        self._display = display
        self._new = draw(1, 2, "jpg")

    def run(self) -> list[str]:
        """Change the image, and follow its URLs. Returns what went wrong, a line each. Raises LocalError."""
        wanted = list(forms(self._stack))
        self._display.say(f"  {KEY} is cached in {len(wanted)} forms, then overwritten.")
        with EdgeClient(self._stack.imagekit) as edge:
            warmed = self._warm(edge, wanted)
            start = time.time()
            self._stack.s3.put_object(
                Bucket=self._stack.bucket,
                Key=KEY,
                Body=self._new.body,
                ContentType=self._new.content_type,
            )
            fresh = self._follow(edge, wanted, warmed)
        purges = self._observer.accepted(start)
        seen = [
            SeenForm(
                each,
                warmed[each.url],
                fresh[each.url],
                next((purge for purge in purges if purge.covers(each.url)), None),
            )
            for each in wanted
            if each.url in fresh
        ]
        self._display.url_forms(
            [
                (
                    each.shown.form,
                    self._shortened(each.shown.url),
                    self._shortened(each.purge.url) if each.purge else "…",
                    f"Age {each.before.age}",
                    f"{each.after.at - start:.1f} s",
                )
                for each in seen
            ]
        )
        self._display.say(
            f"  E is {self._stack.url_endpoint}. The change took {len(purges)} purges: one for each\n"
            "  endpoint, more for each path transformation and for SEO words, and one for the dependent."
        )
        stale = [f"{each.form}: still stale at {each.url}" for each in wanted if each.url not in fresh]
        problems = stale + [f"{each.shown.form}: no purge covers it" for each in seen if each.purge is None]
        if not problems:
            self._display.say("No form of the URL shows the old image.", "bold green")
        return problems

    def _warm(self, edge: EdgeClient, wanted: list[FormOfUrl]) -> dict[str, EdgeAnswer]:
        """Request every URL until each is a hit with an age above 0."""
        warmed: dict[str, EdgeAnswer] = {}
        for _ in attempts(_DEADLINE_SECONDS, _POLL_SECONDS):
            for url, answer in edge.request(each.url for each in wanted if each.url not in warmed):
                if answer.status != 200:
                    raise LocalError(f"The edge answered {answer.status} to {url}.")
                if answer.hit and answer.age > 0:
                    warmed[url] = answer
            if len(warmed) == len(wanted):
                return warmed
        raise LocalError(f"Not all URLs are hits after {_DEADLINE_SECONDS:g} seconds.")

    def _follow(
        self, edge: EdgeClient, wanted: list[FormOfUrl], warmed: Mapping[str, EdgeAnswer]
    ) -> dict[str, EdgeAnswer]:
        """Request every URL until it is fresh. Returns the first fresh answers by URL: at the deadline, not
        all may be there."""
        fresh: dict[str, EdgeAnswer] = {}
        for _ in attempts(_DEADLINE_SECONDS, _POLL_SECONDS):
            stale = [each for each in wanted if each.url not in fresh]
            for each, (url, answer) in zip(stale, edge.request(each.url for each in stale), strict=True):
                new = (
                    answer.shows(self._new.body)
                    if each.contains_key
                    else not answer.is_same_copy_as(warmed[url])
                )
                if new:
                    fresh[url] = answer
            if len(fresh) == len(wanted):
                break
        return fresh

    def _shortened(self, url: str) -> str:
        """The URL with `E` for the endpoint and `BUCKET` for the host of the bucket, without details."""
        host = _bucket_url(self._stack).removeprefix("https://")
        text = url.replace(self._stack.url_endpoint, "E").replace(host, "BUCKET")
        return text.removeprefix("https://").partition(",i-")[0]


def _bucket_url(stack: Stack) -> str:
    return f"https://{stack.bucket}.s3.{REGION}.amazonaws.com"
