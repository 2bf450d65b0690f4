"""The forms of an object's URLs: what each one looks like, and that the emulator reads it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.imagekit import wildcards
from local.imagekit.encoding import decoded
from local.imagekit.resolver import NotPurgeable, ResolvedUrl, UrlResolver
from purging.changes import ObjectChange
from purging.dependents import Dependent
from purging.errors import InvalidSetting
from purging.planning.coverage import Coverage
from purging.planning.planned import PlannedPurge, without_covered
from purging.planning.targets import ChangedObject, PurgeTarget
from purging.purges import AcceptedPurge
from purging.urls import UrlMap, seo_text, wildcard_allowed

E = "https://ik.imagekit.io/demo"
PROXY = "https://origin.s3.eu-central-1.amazonaws.com"
OLD = ("https://demo.imagekit.io", "https://ik.imgkit.net/demo")
VIDEO = (
    *("ik-video.mp4", "ik-gif-video.mp4", "ik-thumbnail.jpg", "ik-master.m3u8", "ik-master.mpd"),
    *("ik-seek-thumbnail-track.vtt", "ik-genchapter.vtt", "ik-gensubtitle.transcript"),
)
keys = st.text(st.sampled_from("ab/.é ?*+_-1"), min_size=1, max_size=12)


@dataclass
class Key:
    key: str
    bucket: str = "origin"


def forms(key: str, url_map: str = f"origin={E}", *transformations: str, **more: str | bool) -> list[str]:
    return UrlMap.parse(url_map, transformations, **more).targets(Key(key))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("a/photo.jpg", "a/photo/"),
        ("a.b/photo.v1.jpg", "a.b/photo.v1/"),
        ("photo.jpg", "photo/"),
        ("photo", None),
        ("a.b/photo", None),
        ("a/.jpg", None),
        ("a/photo.", None),
        ("a/photo.jpg/", None),
        ("", None),
    ],
)
def test_what_stands_for_a_key_in_its_seo_urls(key: str, text: str | None) -> None:
    """The key without its extension. Without a name or an extension there is no such URL."""
    assert seo_text(key) == text


def test_seo_urls_come_beside_the_others() -> None:
    """One wildcard for each endpoint and path transformation of ImageKit; rewriters have none."""
    assert forms("a/x y.jpg", f"origin={E}", "tr:w-300", "w_300", seo=True) == [
        f"{E}/a/x%20y.jpg",
        f"{E}/tr:w-300/a/x%20y.jpg",
        f"{E}/w_300/a/x%20y.jpg",
        f"{E}/ik-seo/a/x%20y/*",
        f"{E}/ik-seo/tr:w-300/a/x%20y/*",
    ]
    assert forms("a/no-extension", seo=True) == [f"{E}/a/no-extension"]
    assert forms("media/a.jpg", f"origin/media={E}", seo=True) == [f"{E}/a.jpg", f"{E}/ik-seo/a/*"]


def test_a_web_proxy_has_the_bucket_behind_what_is_written() -> None:
    """As in `E/tr:w-300/https://bucket…/KEY`: https://imagekit.io/docs/integration/web-proxy."""
    assert forms("a/x y.jpg", f"origin={E}/{PROXY}", "tr:w-300", seo=True) == [
        f"{E}/{PROXY}/a/x%20y.jpg",
        f"{E}/tr:w-300/{PROXY}/a/x%20y.jpg",
        f"{E}/ik-seo/{PROXY}/a/x%20y/*",
        f"{E}/ik-seo/tr:w-300/{PROXY}/a/x%20y/*",
    ]


def test_a_web_proxy_shares_no_urls_with_the_endpoint_above_it() -> None:
    """Its URLs begin with the endpoint's, but no key begins with the URL of a bucket: nothing is listed."""
    parsed = UrlMap.parse(f"origin={E},origin={E}/{PROXY}")
    assert parsed.shared_prefixes("origin", several=False) == ()
    two = UrlMap.parse(f"origin={E}/{PROXY},other={E}/{PROXY}")
    assert len(two.shared_prefixes("origin", several=False)) == 1


def test_old_hosts_are_endpoints() -> None:
    """Each host that serves an object is a purge of its own."""
    assert forms("a/x.jpg", ",".join(f"origin={each}" for each in (E, *OLD))) == [
        f"{endpoint}/a/x.jpg" for endpoint in (E, *OLD)
    ]


@pytest.mark.parametrize("text", ["w_300,h_300", "image/upload", "image/upload/w_300/v17", "a=b;c", "wide-1"])
def test_paths_of_rewriters(text: str) -> None:
    """They stand where a path transformation of ImageKit stands."""
    assert forms("a/x.jpg", f"origin={E}", text)[1] == f"{E}/{text}/a/x.jpg"


@pytest.mark.parametrize(
    "text",
    ["w-300", "n-thumb", "ik-seo", "a/ik-seo", "/w_1", "w_1/", "a//b", "a/../b", "./a", "w_1?", "w_*", "a#"],
)
def test_paths_that_no_rewriter_has(text: str) -> None:
    """A forgotten `tr:`, a slash at the wrong place, and what would change the meaning of the URL."""
    with pytest.raises(InvalidSetting, match=r"path transformation '.*': write "):
        UrlMap.parse(f"origin={E}", [text])


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        (f"{E}/ik-seo/logo/*", True),  # `ik-seo` counts: only the id and the URL pattern do not
        (f"{E}/{PROXY}/logo*", True),  # and so does the URL of the bucket
        (f"{E}/tr:w-300/logo*", False),  # the stricter reading
        (f"{E}/ik-seo/*", False),
    ],
)
def test_what_counts_to_the_path_of_a_wildcard(url: str, *, allowed: bool) -> None:
    """The function and the emulator, which share no code, read ImageKit's rule alike."""
    parsed = UrlMap.parse(f"origin={E},origin={E}/{PROXY}", ["tr:w-300"], seo=True)
    root = max(
        (root for root in parsed.roots if url.startswith(root.prefix)), key=lambda root: len(root.prefix)
    )
    assert wildcard_allowed(root.path(url)) is allowed
    resolver = UrlResolver(["demo"], {})
    if allowed:
        assert resolver.resolve_purge(url).wildcard
    else:
        with pytest.raises(NotPurgeable):
            resolver.resolve_purge(url)


def _read(url: str) -> ResolvedUrl:
    _, _, host, target = url.split("/", 3)
    resolved = UrlResolver(["demo"], {}, ["demo"]).resolve_request(host, f"/{target}")
    assert resolved is not None
    return resolved


@given(
    keys, st.sampled_from([E, *OLD, f"{E}/{PROXY}"]), st.sampled_from(["tr:w-300", "w_1,h_2", "image/upload"])
)
def test_the_emulator_finds_the_key_in_every_url(key: str, endpoint: str, transformation: str) -> None:
    """From a key to its URLs and back, in every form but the SEO-friendly one."""
    for url in forms(f"dir/{key}", f"origin={endpoint}", transformation):
        shown = _read(url).shown
        assert decoded(shown.path) == f"/dir/{key}"
        assert shown.bucket == ("origin" if "amazonaws" in url else "")


@given(keys, st.text(st.sampled_from("abc-é"), min_size=1, max_size=5), st.sampled_from([E, f"{E}/{PROXY}"]))
def test_the_wildcard_covers_every_seo_url_of_a_key(key: str, words: str, endpoint: str) -> None:
    """Whatever the words are, with each path transformation, and also if the extension is another one."""
    key = f"dir/{key}.jpg"
    purges = [url for url in forms(key, f"origin={endpoint}", "tr:w-300", seo=True) if url.endswith("*")]
    if seo_text(key) is None:
        assert not purges
        return
    resolver = UrlResolver(["demo"], {})
    for purge, transformation in zip(purges, ("", "tr:w-300/"), strict=True):
        scope = resolver.resolve_purge(purge)
        own, _, source = endpoint.removeprefix("https://").partition("/https://")
        start = f"https://{own}/ik-seo/{transformation}" + (f"https://{source}/" if source else "")
        path = quote((seo_text(key) or "") + words, safe="/:@!$&'()+,;=-._~")
        url = _read(f"{start}{path}.jpg")
        assert decoded(url.shown.path) == f"/{key}"
        assert scope.covers(url.cache_key)
        assert scope.covers(_read(f"{start}{path}.webp").cache_key)


@pytest.mark.parametrize("name", VIDEO)
def test_a_purge_of_a_video_covers_what_imagekit_derives_from_it(name: str) -> None:
    """`KEY*` is a prefix of `KEY/ik-video.mp4` and the others, in plain URLs and with path transformations.

    Where `KEY*` would evict other objects, the part `KEY/ik-*` covers them.
    """
    for exact in forms("clips/a.mp4", f"origin={E}", "tr:w-300"):
        change = ObjectChange("origin", "clips/a.mp4", "created", datetime(2030, 5, 15, tzinfo=UTC))
        derived = PurgeTarget(ChangedObject((change,), manual=False), f"{exact}/{name}", "")
        for purge in (f"{exact}*", f"{exact}/ik-*"):
            assert Coverage([AcceptedPurge("id", purge, 2e9)]).covers(derived)
        assert decoded(_read(f"{exact}/{name}?tr=sr-240").shown.path) == "/clips/a.mp4"


def test_dependents_are_urls_of_a_key() -> None:
    """The first pattern has a `*` that matches slashes; a path is purged under each endpoint."""
    parsed = UrlMap.parse(
        f"origin={E},origin={OLD[0]}",
        dependent=f"overlays/*.png={E}/shop/all/*  overlays/a/logo.png=/a/b.jpg?tr=l-image",
    )
    assert parsed.targets(Key("overlays/a/logo.png"))[2:] == [
        f"{E}/shop/all/*",
        f"{E}/a/b.jpg?tr=l-image",
        f"{OLD[0]}/a/b.jpg?tr=l-image",
    ]
    assert parsed.dependents.of("overlays/a.gif") == []
    assert Dependent("overlays/*.png", f"{E}/shop/all/*") in parsed.dependents.all
    assert (parsed.most_urls, parsed.most_targets) == (2, 5)


def test_a_key_that_only_others_show_is_served() -> None:
    """A font that no entry of UrlMap serves can be part of images all the same."""
    parsed = UrlMap.parse(f"origin/media={E}", dependent="fonts/*=/a/b/*")
    assert parsed.serves(Key("fonts/a.ttf"))
    assert parsed.targets(Key("fonts/a.ttf")) == [f"{E}/a/b/*"]
    assert not parsed.serves(Key("other/a.ttf"))


@pytest.mark.parametrize(
    ("entry", "remedy"),
    [
        ("a.png", "write PATTERN=URL"),
        ("=/a/b/*", "write PATTERN=URL"),
        ("a.png=", "write PATTERN=URL"),
        ("a.png=https://elsewhere.example/a/b/*", "lies under none of the endpoints"),
        ("a.png=/shop/*", "a wildcard is one"),
        ("a.png=/tr:n-branded/shop/*", "a wildcard is one"),
        ("a.png=/tr:w-300,h-300,fo-auto/*", "a wildcard is one"),
        ("a.png=/shop?tr=n-branded_for_all*", "a wildcard is one"),
        ("a.png=/a/*/b.jpg", "a wildcard is one"),
        ("a.png=/a/../b.jpg", "write the path in full"),
        ("a.png=/a/é.jpg", "percent-encode"),
        ("a.png=https://user:secret@ik.imagekit.io/demo/a/b/*", "lies under none"),
    ],
)
def test_a_wrong_dependent_is_an_error_with_a_remedy(entry: str, remedy: str) -> None:
    """When the settings are read, not when the overlay changes. It names the entry, and no password."""
    with pytest.raises(InvalidSetting, match=rf"Dependents entry .*{remedy}") as caught:
        UrlMap.parse(f"origin={E}", dependent=f"good.png=/a/b/* {entry}")
    assert entry.partition("=")[0] in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("path", ["", "x", "x/y", "a.jpg", "fifteen-characters"])
@pytest.mark.parametrize("before", ["", "tr:w-1/", "tr:w-300,h-300,fo-auto/", "ik-seo/", "ik-seo/tr:w-1/"])
@pytest.mark.parametrize("after", ["*", "/*", "?*", "?tr=w-300,h-300*"])
def test_no_dependent_wildcard_is_taken_that_the_strict_rule_refuses(
    before: str, path: str, after: str
) -> None:
    """What stands before the object's path, or in the query, counts neither here nor in the emulator."""
    url = f"{E}/{before}{path}{after}"
    try:
        UrlMap.parse(f"origin={E}", dependent=f"a.png={url}")
    except InvalidSetting:
        return
    assert wildcards.accepted(decoded(_read(url.removesuffix("*")).shown.counted))


def test_an_endpoint_below_another_one_shortens_the_dependents_below_it() -> None:
    """ImageKit counts behind the URL pattern. The error of a new entry of UrlMap says which one it is."""
    dependent = f"a.png={E}/shop/all/*"
    assert UrlMap.parse(f"origin={E}", dependent=dependent).dependents.all
    with pytest.raises(InvalidSetting, match=f"counted behind {E}/shop, the longest endpoint of UrlMap"):
        UrlMap.parse(f"origin={E},other={E}/shop", dependent=dependent)


def test_a_dependent_path_stands_under_a_web_proxy_as_its_pages_write_it() -> None:
    """Path transformations stand before the URL of the bucket."""
    bucket = "https://b.s3.amazonaws.com"
    parsed = UrlMap.parse(f"origin={E}/{bucket}", dependent="logo.png=/tr:n-x/shop/all/* font=/shop/all/*")
    assert parsed.dependents.of("logo.png") == [f"{E}/tr:n-x/{bucket}/shop/all/*"]
    assert parsed.dependents.of("font") == [f"{E}/{bucket}/shop/all/*"]


def test_one_purge_serves_many_objects_with_the_same_dependent() -> None:
    """And a wildcard that is made anyway serves it, too."""
    several = [PlannedPurge(f"{E}/a/b/*", ())] * 3 + [PlannedPurge(f"{E}/a/*", ())]
    assert [each.url for each in without_covered(several)] == [f"{E}/a/*"]


def test_the_strict_rule_of_the_emulator_holds_for_what_counts() -> None:
    """`ik-seo/x/` has two levels, so every object with an extension has a wildcard that is accepted."""
    assert wildcards.accepted("/ik-seo/x/")
    assert not wildcards.accepted("/ik-seo/")
