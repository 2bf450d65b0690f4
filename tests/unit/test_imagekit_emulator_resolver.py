"""How the emulator reads URLs: canonical form, rules for wildcards, and what a purge covers."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.imagekit import wildcards
from local.imagekit.cache import EdgeCache
from local.imagekit.encoding import canonical_path, canonical_query, decoded
from local.imagekit.origin import NOT_FOUND
from local.imagekit.resolver import NotPurgeable, PurgeScope, UrlResolver

HOST = "https://ik.imagekit.io"
keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
odd_texts = st.text(st.sampled_from("ab/%2A*?#+ ~é3F25"), max_size=12)


@pytest.fixture
def resolver() -> UrlResolver:
    return UrlResolver(["demo", "demo/shop"], {"images.example.com": "demo"})


def fully_encoded(key: str) -> str:
    return "".join(f"%{byte:02X}" for byte in key.encode())


@given(odd_texts)
def test_canonical_path_is_stable(raw: str) -> None:
    """A canonical path is its own canonical form, and every star in it is encoded."""
    canonical = canonical_path(raw)
    assert canonical_path(canonical) == canonical
    assert "*" not in canonical


@given(odd_texts)
def test_canonical_query_is_stable(raw: str) -> None:
    """A canonical query is its own canonical form, and every star in it is encoded."""
    canonical = canonical_query(raw)
    assert canonical_query(canonical) == canonical
    assert "*" not in canonical


@given(keys)
def test_every_encoding_of_a_key_is_one_entry(key: str) -> None:
    """All encodings of a key have the same cache key, and it decodes to the key."""
    resolver = UrlResolver(["demo"], {})
    minimal = quote(key, safe="/:@!$&'()+,;=-._~")
    resolved = [
        resolver.resolve_request("", f"/demo/{spelling}") for spelling in (minimal, fully_encoded(key))
    ]
    assert resolved[0] == resolved[1]
    assert resolved[0] is not None
    assert decoded(resolved[0].path) == f"/{key}"


@given(keys, keys)
def test_different_keys_are_different_entries(one: str, other: str) -> None:
    """No two keys share an entry: NFC and NFD, `+` and space, `%41` and `A` stay apart."""
    assert (canonical_path(quote(one)) == canonical_path(quote(other))) == (one == other)


@given(keys, keys, st.none() | keys)
def test_wildcard_is_a_prefix_of_the_key(prefix: str, key: str, query: str | None) -> None:
    """A wildcard covers a key, with or without query, only if the key starts with the prefix."""
    resolver = UrlResolver(["demo"], {})
    scope = resolver.resolve_purge(f"{HOST}/demo/folder/x{quote(prefix)}*")
    resolved = resolver.resolve_request(
        "", f"/demo/folder/x{quote(key)}" + ("" if query is None else f"?{quote(query)}")
    )
    assert resolved is not None
    assert scope.covers(resolved.cache_key) == key.startswith(prefix)


@given(keys, keys)
def test_exact_purge_covers_one_entry(purged: str, key: str) -> None:
    """An exact purge covers the key of that name, and none of its query variants."""
    resolver = UrlResolver(["demo"], {})
    scope = resolver.resolve_purge(f"{HOST}/demo/{quote(purged)}")
    assert scope.covers(f"/demo/{canonical_path(quote(key))}") == (purged == key)
    assert not scope.covers(f"/demo/{canonical_path(quote(purged))}?v=1")


@given(st.lists(st.text("ab/", max_size=6), unique=True), st.text("ab/", max_size=3), st.booleans())
def test_eviction_agrees_with_covers(names: list[str], text: str, wildcard: bool) -> None:
    """The cache drops exactly the entries that PurgeScope.covers names."""
    cache, scope = EdgeCache(), PurgeScope(text, wildcard)
    for name in names:
        cache.finish_fetch(cache.start_fetch(name, 0), NOT_FOUND)
    kept = sorted(name for name in names if not scope.covers(name))
    cache.evict(scope)
    assert cache.keys() == kept
    assert len(cache) == len(kept)
    assert all(cache.get(name) for name in kept)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/images/upload", True),
        ("/images", False),
        ("/folder/", False),
        ("//a", False),
        ("/a/b/", True),
        ("/" + 14 * "a", False),
        ("/" + 15 * "a", True),
        ("/sample.jpg", True),
        ("/sample.", False),
        ("/.jpg", False),
        ("/", False),
        ("", False),
        ("/media/catalog/", False),
        ("/media/catalog/product", True),
        ("/s/files/", False),
        ("/日本語の長い名前", False),
    ],
)
def test_wildcard_rules(path: str, allowed: bool) -> None:
    """The emulator follows ImageKit's documentation, in the strictest reading."""
    assert wildcards.accepted(path) is allowed


@pytest.mark.parametrize(
    "url",
    [
        "demo/a.jpg",
        "/demo/a.jpg",
        "ftp://ik.imagekit.io/demo/a.jpg",
        "https:///demo/a.jpg",
        "https://ik.imagekit.io",
        "https://ik.imagekit.io/demo",
        "https://ik.imagekit.io/demo/",
        "https://ik.imagekit.io/other/a.jpg",
        "https://ik.imagekit.io/demo2/a.jpg",
        "https://ik.imagekit.io:444/demo/a.jpg",
        "https://elsewhere.example/demo/a.jpg",
        "https://user@ik.imagekit.io/demo/a.jpg",
        "https://user:word@ik.imagekit.io/demo/a.jpg",
        "https://ik.imagekit.io/demo/a b.jpg",
        "https://ik.imagekit.io/demo/a.jpg#top",
        "https://ik.imagekit.io/demo/a.jpg\n",
        "https://ik.imagekit.io/demo/\ud800.jpg",
        "https://ik.imagekit.io/demo/folder/*/x.jpg",
        "https://ik.imagekit.io/demo/a*b/c*",
        "https://ik.imagekit.io/demo/a/b**",
        "https://ik.imagekit.io/demo/*",
        "https://ik.imagekit.io/demo*",
        "https://ik.imagekit.io/dem*",
        "https://ik.imagekit.io/demo/images*",
        "https://ik.imagekit.io/demo/folder/*",
        "https://ik.imagekit.io/demo/shop/images*",
        "https://ik.imagekit.io/demo/tr:w-300/images*",
        "https://ik.imagekit.io/demo/media/catalog/*",
        "https://ik.imagekit.io/demo/s/files/*",
        "https://ik.imagekit.io/demo/images?v=long-enough-value*",
        "https://images.example.com/images*",
        "https://other.imagekit.io/a.jpg",
        "https://ik.imgkit.net/other/a.jpg",
        "https://demo.imagekit.io/images*",
        "https://ik.imagekit.io/demo/ik-seo/*",
        "*",
    ],
)
def test_not_purgeable(resolver: UrlResolver, url: str) -> None:
    """A purge needs an absolute, encoded URL of this account, and an allowed wildcard."""
    with pytest.raises(NotPurgeable):
        resolver.resolve_purge(url)


@pytest.mark.parametrize(
    ("url", "scope"),
    [
        (f"{HOST}/demo/a.jpg", PurgeScope("/demo/a.jpg", False)),
        ("http://IK.imagekit.io:80/demo/a.jpg", PurgeScope("/demo/a.jpg", False)),
        (f"{HOST}/demo/a%2Ab.jpg", PurgeScope("/demo/a%2Ab.jpg", False)),
        (f"{HOST}/demo/a%2A", PurgeScope("/demo/a%2A", False)),
        (f"{HOST}/demo/a.jpg%3Fv=1", PurgeScope("/demo/a.jpg%3Fv=1", False)),
        (f"{HOST}/demo/a.jpg?v=%2a", PurgeScope("/demo/a.jpg?v=%2A", False)),
        (f"{HOST}/demo/a.jpg?tr=w*", PurgeScope("/demo/a.jpg?tr=w", True)),
        (f"{HOST}/demo//a.jpg*", PurgeScope("/demo//a.jpg", True)),
        (f"{HOST}/demo/tr:w-300/a.jpg*", PurgeScope("/demo/tr:w-300/a.jpg", True)),
        (f"{HOST}/demo/tr%3Aw-300/a/b*", PurgeScope("/demo/tr:w-300/a/b", True)),
        (f"{HOST}/demo/shop/images/x*", PurgeScope("/demo/shop/images/x", True)),
        (f"{HOST}/demo/b/a%C3*", PurgeScope("/demo/b/a%C3", True)),
        ("https://demo.imagekit.io/a.jpg*", PurgeScope("//demo.imagekit.io/a.jpg", True)),
        ("https://demo.imagekit.io/shop/a.jpg", PurgeScope("//demo.imagekit.io/shop/a.jpg", False)),
        ("https://IK.imgkit.net/demo/a.jpg", PurgeScope("//ik.imgkit.net/demo/a.jpg", False)),
        (f"{HOST}/demo/ik-seo/a/*", PurgeScope("/demo/ik-seo/a/", True)),
        (
            f"{HOST}/demo/https://b.s3.amazonaws.com/a*",
            PurgeScope("/demo/https://b.s3.amazonaws.com/a", True),
        ),
        ("https://images.example.com/a.jpg", PurgeScope("//images.example.com/a.jpg", False)),
    ],
)
def test_what_a_purge_covers(resolver: UrlResolver, url: str, scope: PurgeScope) -> None:
    """Hosts, encodings, queries, transformations and URL patterns lead to the right entries."""
    assert resolver.resolve_purge(url) == scope
