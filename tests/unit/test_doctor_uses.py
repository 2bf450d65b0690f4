"""The doctor knows the forms of ImageKit's URLs, and decides by the functions' own code what is covered."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ops.doctor.account import Endpoint
from ops.doctor.addresses import address_of, addresses, is_custom_domain
from ops.doctor.domain import Settings, wildcard_allowed
from ops.doctor.forms import (
    DERIVED,
    FORMS,
    OVERLAY,
    PATH,
    PLAIN,
    PROXY,
    QUERY,
    REWRITTEN,
    SEO,
    VARIED,
    recognised,
)
from ops.doctor.pages import urls_in
from ops.doctor.uses import Use, places, uses

E = "https://ik.imagekit.io/demo"
KEYS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30)


def settings(url_map: str = f"photos={E}", transformations: str = "", **others: str) -> Settings:
    needed = {"LEDGER_TABLE": "-", "IMAGEKIT_SECRET_ARN": "-"}
    return Settings.from_env(
        {"URL_MAP": url_map, "PATH_TRANSFORMATIONS": transformations, **needed, **others}
    )


def used(url: str, chosen: Settings, *, at: str = E, rewriter: str = "") -> list[Use]:
    endpoint = Endpoint("default", "", (), rewriter)
    return list(uses([url], places([endpoint], [at], chosen.url_map), chosen).uses)


@pytest.mark.parametrize(
    ("path", "query", "form", "marker", "key"),
    [
        ("a/b%20c.jpg", "", PLAIN, "", "a/b c.jpg"),
        ("a.jpg", "tr=w-300", QUERY, "", "a.jpg"),
        ("a.jpg", "ik-s=0123&ik-t=9", QUERY, "", "a.jpg"),
        ("tr:w-300,h-300/a/b.jpg", "", PATH, "tr:w-300,h-300", "a/b.jpg"),
        ("tr:w-300:rt-90/a.jpg", "v=1", PATH, "tr:w-300:rt-90", "a.jpg"),
        ("tr:w-1/tr:h-2/a.jpg", "", PATH, "tr:w-1/tr:h-2", "a.jpg"),
        ("tr:n-thumb/a.mp4/ik-thumbnail.jpg", "", PATH, "tr:n-thumb", "a.mp4"),
        ("a.mp4/ik-thumbnail.jpg", "", DERIVED, "ik-thumbnail.jpg", "a.mp4"),
        ("a.mp4/ik-master.m3u8", "tr=sr-240", DERIVED, "ik-master.m3u8", "a.mp4"),
        ("ik-seo/dir/name/red-shoes.jpg", "", SEO, "", "dir/name.jpg"),
        ("ik-seo/tr:w-300/name/words.webp", "", SEO, "tr:w-300", "name.webp"),
        ("w_300,h_300/a.jpg", "", REWRITTEN, "w_300,h_300", "a.jpg"),
        ("c_fill,w_300/a.jpg", "", REWRITTEN, "c_fill,w_300", "a.jpg"),
        ("image/upload/c_fill,w_3/v17/a.jpg", "", REWRITTEN, "image/upload/c_fill,w_3/v17", "a.jpg"),
        ("https://b.s3.amazonaws.com/a.jpg", "", PROXY, "", "https://b.s3.amazonaws.com/a.jpg"),
        ("tr:w-3/https%3A//b.example/a.jpg", "", PROXY, "tr:w-3", "https://b.example/a.jpg"),
        # Folders that look alike.
        ("e_books/a.jpg", "", PLAIN, "", "e_books/a.jpg"),
        ("image/upload/a.jpg", "", PLAIN, "", "image/upload/a.jpg"),
        ("my_photos/w/a.jpg", "", PLAIN, "", "my_photos/w/a.jpg"),
        ("tr:no-slash", "", PLAIN, "", "tr:no-slash"),
    ],
)
def test_each_form_is_recognised(path: str, query: str, form: object, marker: str, key: str) -> None:
    """With its variant and the object that it shows."""
    found, *_ = recognised(path, query)
    assert (found.form, found.marker, found.key) == (form, marker, key)


@pytest.mark.parametrize("path", ["image/upload/a.jpg", "e_books/a.jpg"])
def test_a_rewriter_gives_folders_another_meaning(path: str) -> None:
    """With Cloudinary's rewriter, they are its syntax."""
    assert recognised(path, "", "CLOUDINARY")[0].form == REWRITTEN
    assert recognised(path, "", "IMGIX")[0].form == PLAIN


@pytest.mark.parametrize(
    ("path", "query", "names"),
    [
        ("a.jpg", "tr=l-image,i-dir@@logo.png,w-10,l-end", ["dir/logo.png"]),
        ("tr:w-300,l-image,i-logo.png,l-end:di-none.jpg/a.jpg", "", ["logo.png", "none.jpg"]),
        ("a.jpg", "tr=l-text,i-Hello,l-end", []),
        ("a.jpg", "tr=l-text,i-Hello,ff-fonts@@brand.ttf,l-end", ["fonts/brand.ttf"]),
        ("a.jpg", "tr=l-text,i-Hello,ff-Roboto,l-end", []),
        ("w_3/a.jpg", "tr=di-none.jpg", ["none.jpg"]),
        ("a.jpg", "tr=w-300,radi-5", []),
    ],
)
def test_images_that_contain_others_are_noticed(path: str, query: str, names: list[str]) -> None:
    """Overlays, default images and fonts are objects, too; a text is none. Their path is the image's."""
    main, *others = recognised(path, query)
    assert [each.key for each in others] == names
    assert all((each.form, each.path) == (OVERLAY, main.path) for each in others)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("https://b.s3.amazonaws.com/a.jpg", "https://b.s3.amazonaws.com"),
        ("tr:w-3/https://b.s3.eu-west-1.amazonaws.com/c/a.jpg", "https://b.s3.eu-west-1.amazonaws.com"),
        ("https://s3.eu-west-1.amazonaws.com/b/c/a.jpg", "https://s3.eu-west-1.amazonaws.com/b"),
        ("https://images.example.com/c/a.jpg", "https://images.example.com"),
    ],
)
def test_the_bucket_behind_a_web_proxy(path: str, source: str) -> None:
    """The host names it, or the host and the beginning of the path. The path stays as the page has it."""
    [found] = recognised(path, "")
    assert (found.form, found.source, found.path) == (PROXY, source, path)


def test_settings_name_paths_that_look_like_folders() -> None:
    """A rewriter or a function of the endpoint may understand any path. The longest one counts."""
    for known in ("small", "small/square"):
        [found] = recognised("small/square/a.jpg", "", transformations=["small", known])
        assert (found.form, found.marker) == (REWRITTEN, known)
    [found] = recognised("image/upload/w_3/v17/a.jpg", "", transformations=["image/upload/w_3"])
    assert found.marker == "image/upload/w_3/v17"  # that setting purges another URL


@given(
    key=KEYS, folder=st.sampled_from(["", "/media"]), transformations=st.sampled_from(["", "tr:w-3 tr:n-x"])
)
def test_whatever_the_functions_purge_is_covered(key: str, folder: str, transformations: str) -> None:
    """Each URL that a change of any key purges is recognised as covered; with a query, where a wildcard may
    stand. The same URL with another transformation is not covered."""
    chosen = settings(f"photos{folder}={E}", transformations)
    [plain, *_] = targets = [
        root.url(f"{folder[1:]}{'/' if folder else ''}{key}") for root in chosen.url_map.roots
    ]
    path = plain[len(E) + 1 :]
    assume(path.strip("/") and recognised(path, "")[0].form == PLAIN)
    for target in targets:
        [exact] = used(target, chosen)
        assert exact.covered
        [query] = used(f"{target}?v=1", chosen)
        assert query.covered == wildcard_allowed(f"/{path}")
    [other] = used(f"{E}/tr:h-77/{path}", chosen)
    assert (other.form, other.covered) == (PATH, False)


@pytest.mark.parametrize(
    ("url", "covered"),
    [
        (f"{E}/my%20photos/a%2Bb.jpg", True),  # the functions write a+b
        (f"{E}/my photos/a+b.jpg", True),
        (f"{E}/v.mp4/ik-thumbnail.jpg", True),
        (f"{E}/tr:w-300/v.mp4/ik-thumbnail.jpg?v=1", True),
        (f"{E}/tr:w-301/a.jpg", False),
        (f"{E}/logo", True),
        (f"{E}/logo?v=1", False),  # ImageKit refuses /logo*
        (f"{E}/ik-seo/a/words.jpg", False),
        (f"{E}/w_300/a.jpg", False),
        (f"{E}/private/a.jpg", False),  # IgnoreKeys
        ("https://demo.imagekit.io/a.jpg", False),  # an old host, which needs an entry of its own
        ("https://ik.imgkit.net/demo/a.jpg", False),
    ],
)
def test_what_is_covered(url: str, *, covered: bool) -> None:
    """By UrlMap, PathTransformations, QueryVariants and IgnoreKeys together."""
    [use] = used(url, settings(transformations="tr:w-300", IGNORE_KEYS="private/*"))
    assert use.covered == covered


BUCKET_URL = "https://photos.s3.eu-west-1.amazonaws.com"
ALL_FORMS = {
    "url_map": f"photos/media={E},photos={E}/{BUCKET_URL},photos/media=https://demo.imagekit.io",
    "transformations": "tr:w-300 w_3 small/square",
    "SEO_URLS": "true",
    "DEPENDENTS": f"media/logo.png={E}/shop/all/* *.ttf={E}/banner.jpg?tr=l-text,i-Hi,ff-x.ttf,l-end",
    "IGNORE_KEYS": "*/private/*",
}


@pytest.mark.parametrize(
    ("url", "form", "covered"),
    [
        (f"{E}/ik-seo/a/any-words.jpg", SEO, True),
        (f"{E}/ik-seo/a/any-words.jpg?v=1", SEO, True),
        (f"{E}/ik-seo/a%20b/words.jpg", SEO, True),
        (f"{E}/ik-seo/tr:w-300/c/a/words.jpg", SEO, True),
        (f"{E}/ik-seo/tr:w-301/c/a/words.jpg", SEO, False),
        (f"{E}/ik-seo/private/a/words.jpg", SEO, False),
        (f"{E}/ik-seo/a/no-extension", SEO, False),
        ("https://demo.imagekit.io/ik-seo/a/words.jpg", SEO, True),
        (f"{E}/w_3/a.jpg", REWRITTEN, True),
        (f"{E}/w_3/a.jpg?v=1", REWRITTEN, True),
        (f"{E}/small/square/a.jpg", REWRITTEN, True),
        (f"{E}/w_4/a.jpg", REWRITTEN, False),
        (f"{E}/{BUCKET_URL}/media/a.jpg", PROXY, True),
        (f"{E}/{BUCKET_URL}/other/a.mp4/ik-thumbnail.jpg?v=1", PROXY, True),
        (f"{E}/tr:w-300/{BUCKET_URL}/media/a%20b.jpg", PROXY, True),
        (f"{E}/w_4/{BUCKET_URL}/media/a.jpg", REWRITTEN, False),
        (f"{E}/tr:w-301/{BUCKET_URL}/media/a.jpg", PROXY, False),
        (f"{E}/{BUCKET_URL}/media/a%2Bb.jpg", PROXY, False),  # another copy than that of a+b.jpg
        (f"{E}/{BUCKET_URL}/media/private/a.jpg", PROXY, False),
        (f"{E}/https://theirs.s3.amazonaws.com/media/a.jpg", PROXY, False),
        (f"https://demo.imagekit.io/{BUCKET_URL}/media/a.jpg", PROXY, False),
        (f"{E}/shop/all/x.jpg?tr=l-image,i-logo.png,l-end", OVERLAY, True),
        (f"{E}/shop/all/c/x.jpg?tr=di-logo.png", OVERLAY, True),
        (f"{E}/some/x.jpg?tr=l-image,i-logo.png,l-end", OVERLAY, False),
        (f"{E}/tr:w-300,l-image,i-logo.png,l-end/shop/all/x.jpg", OVERLAY, False),
        (f"{E}/shop/all/x.jpg?tr=l-image,i-media@@logo.png,l-end", OVERLAY, False),  # media/media/logo.png
        (f"{E}/logo.png?tr=l-image,i-logo.png,l-end", OVERLAY, True),  # its own purge
        (f"{E}/banner.jpg?tr=l-text,i-Hi,ff-x.ttf,l-end", OVERLAY, True),
        (f"{E}/banner.jpg?tr=l-text,i-Ho,ff-x.ttf,l-end", OVERLAY, False),  # an exact URL is one URL
    ],
)
def test_each_form_has_its_setting(url: str, form: object, *, covered: bool) -> None:
    """SEO-friendly URLs, rewriters, web proxies, old hosts and overlays are covered by their settings."""
    found = {use.form: use.covered for use in used(url, settings(**ALL_FORMS))}
    assert found[form] == covered  # type: ignore[index] # a Form


@given(key=KEYS, words=st.from_regex(r"[a-z-]{1,9}", fullmatch=True), shape=st.sampled_from(["seo", "proxy"]))
def test_whatever_a_target_stands_for_is_covered(key: str, words: str, shape: str) -> None:
    """Each SEO-friendly URL and each web proxy's URL under a target of any key counts as covered."""
    chosen = settings(f"photos={E},photos={E}/{BUCKET_URL}", "tr:w-3", SEO_URLS="true")
    for root in chosen.url_map.roots:
        if root.serves("photos", key) and (root.seo, root.web_proxy) == (shape == "seo", shape == "proxy"):
            target = root.url(key)
            url = f"{target[:-1]}{words}.{key.rpartition('.')[2]}" if root.seo else target
            assume("?" not in url and "#" not in url and "//" not in url[len(root.prefix) :])
            [use] = used(url, chosen)
            assert use.covered
            assert use.form in VARIED


def test_without_query_variants_only_exact_urls_are_covered() -> None:
    """QueryVariants=false purges them alone."""
    chosen = settings(QUERY_VARIANTS="false")
    assert [used(f"{E}/a.jpg{end}", chosen)[0].covered for end in ("", "?v=1", "/ik-video.mp4")] == [
        True,
        False,
        False,
    ]


def test_a_url_lies_under_the_longest_endpoint() -> None:
    """An endpoint that the UrlMap does not have is not covered by the one around it."""
    chosen = settings(f"photos={E}")
    known = places([Endpoint("default", "", ()), Endpoint("1", "shop", ())], [E], chosen.url_map)
    found = uses([f"{E}/shop/a.jpg", f"{E}/a.jpg"], known, chosen)
    assert [(use.place, use.covered) for use in found.uses] == [(f"{E}/shop", False), (E, True)]


def test_other_hosts_are_foreign_and_named_if_they_look_alike() -> None:
    """So that a custom domain that was forgotten shows."""
    urls = [
        "https://example.com/a.jpg",
        "https://img.example.com/tr:w-3/a.jpg",
        "https://ik.imagekit.io/x/a.jpg",
    ]
    chosen = settings()
    found = uses(urls, places([], [E], chosen.url_map), chosen)
    assert (found.uses, found.foreign, found.hosts) == ((), 3, ("https://img.example.com",))


def test_equal_uses_are_counted_with_one_example() -> None:
    """And those that are not covered come first."""
    chosen = settings()
    urls = [f"{E}/a.jpg", f"{E}/b.jpg", f"{E}/tr:w-3/a.jpg", f"http{E[5:]}/c.jpg", E, f"{E}/"]
    found = uses(urls, places([], [E], chosen.url_map), chosen).uses
    assert [(use.form, use.count, use.example) for use in found] == [
        (PATH, 1, f"{E}/tr:w-3/a.jpg"),
        (PLAIN, 3, f"{E}/a.jpg"),
    ]


def test_each_form_names_its_remedy() -> None:
    """A person learns from it what to do."""
    assert all(form.setting and form.remedy.format(marker="x", place="y", source="z") for form in FORMS)


@pytest.mark.parametrize(
    ("line", "urls"),
    [
        (f'<img src="{E}/a.jpg?tr=w-1&amp;v=2" srcset="{E}/tr:w-1,h-2/a.jpg 1x, {E}/b.jpg 2x">',
         [f"{E}/a.jpg?tr=w-1&v=2", f"{E}/tr:w-1,h-2/a.jpg", f"{E}/b.jpg"]),
        (f"background: url({E}/a(1).jpg)", [f"{E}/a(1).jpg"]),
        ('{"src": "https:\\/\\/ik.imagekit.io\\/demo\\/a.jpg"}', [f"{E}/a.jpg"]),
        ("<img src='//ik.imagekit.io/demo/a.jpg'>", [f"{E}/a.jpg"]),
        (f"See {E}/a.jpg.", [f"{E}/a.jpg"]),
        (f'1.2.3.4 - - [x] "GET /demo/a.jpg HTTP/1.1" 200 5 "{E}/page" "Agent"', [f"{E}/a.jpg"]),
        ("no // url here", []),
    ],
)  # fmt: skip
def test_urls_are_found_in_pages_and_logs(line: str, urls: list[str]) -> None:
    """In HTML with its entities, style sheets, JSON and prose. A log's line is only about its request."""
    assert list(urls_in(line, "https://ik.imagekit.io/")) == urls


def test_a_log_without_a_host_has_no_urls() -> None:
    """The referring page is not the image."""
    assert list(urls_in(f'"GET /demo/a.jpg HTTP/2.0" 200 5 "{E}/page"')) == []


@pytest.mark.parametrize(
    ("url", "address", "custom"),
    [
        ("https://ik.imagekit.io/demo/shop/a.jpg", E, False),
        ("http://IK.imagekit.io/demo", E, False),
        ("https://images.example.com/a.jpg", "https://images.example.com", True),
        ("https://demo.imagekit.io/a.jpg", "https://demo.imagekit.io", False),
        ("http://127.0.0.1:4010/demo/a.jpg", "http://127.0.0.1:4010/demo", False),
        ("https://ik.imagekit.io/", None, False),
        ("https://user:secret@ik.imagekit.io/demo", None, False),
        ("ftp://x/y", None, False),
        ("https://x:port/y", None, False),
    ],
)
def test_the_address_of_a_url(url: str, address: str | None, *, custom: bool) -> None:
    """The id belongs to it on ImageKit's hosts, and not on a custom domain."""
    assert address_of(url) == address
    assert is_custom_domain(url) == custom


def test_pages_tell_the_address_only_if_nothing_else_does() -> None:
    """They may show images of other accounts."""
    pages = [f"{E}/a.jpg", f"{E}/b.jpg", "https://ik.imagekit.io/other/c.jpg", "https://example.com/d.jpg"]
    assert addresses([], [], pages) == (E,)
    assert addresses([], ["https://img.example.com/a.jpg"], pages) == ("https://img.example.com",)
    assert addresses([E], ["https://img.example.com/a.jpg", E + "/b.jpg"], []) == (
        E,
        "https://img.example.com",
    )
    assert addresses([], ["a.jpg"], []) == ()
