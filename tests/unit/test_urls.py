"""From keys to URLs: encoding, wildcard rules, the mapping, and what a manual purge may name."""

from dataclasses import dataclass
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imagekitio import ImageKit

from local.imagekit import wildcards
from purging.errors import InvalidRequest, InvalidSetting
from purging.urls import UrlMap, encode, wildcard_allowed

ENDPOINT = "https://ik.imagekit.io/demo"


@dataclass
class Key:
    key: str
    bucket: str = "origin"


def targets(
    url_map: str, key: str, bucket: str = "origin", transformations: tuple[str, ...] = ()
) -> list[str]:
    return UrlMap.parse(url_map, transformations).targets(Key(key, bucket))


@pytest.mark.parametrize(
    ("key", "encoded"),
    [
        ("my photo+1.jpg", "my%20photo+1.jpg"),
        ("100%.jpg", "100%25.jpg"),
        ("already%20encoded.jpg", "already%2520encoded.jpg"),
        ("a?b#c*d.jpg", "a%3Fb%23c%2Ad.jpg"),
        ("tilde~/-._!$&'(),;=:@.jpg", "tilde~/-._!$&'(),;=:@.jpg"),
        ("\u00e9.jpg", "%C3%A9.jpg"),
        ("e\u0301.jpg", "e%CC%81.jpg"),
        ("照片/🙂.jpg", "%E7%85%A7%E7%89%87/%F0%9F%99%82.jpg"),
        ('"<>[]\\^`{|}.jpg', "%22%3C%3E%5B%5D%5C%5E%60%7B%7C%7D.jpg"),
        ("\x00\x1f\x7f.jpg", "%00%1F%7F.jpg"),
        ("/lead//double/", "/lead//double/"),
    ],
)
def test_encoding(key: str, encoded: str) -> None:
    """A peer's bug: `+`, `%`, unicode, spaces, `~`, `?`, `#`, `*` mangled or dropped."""
    assert encode(key) == encoded


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_encoding_is_undone_by_decoding_once(key: str) -> None:
    """Nothing is encoded twice, and nothing that has a meaning in a URL is left as it is."""
    url = encode(key)
    assert unquote(url, errors="strict") == key
    assert url.isascii()
    assert url.isprintable()
    assert not set(url) & set(" *?#")


@pytest.mark.parametrize("key", ["a b+c.jpg", "é/ü~1.jpg", "50% off!.jpg", "x(1),y;z=1&2:3@4$.jpg"])
def test_urls_are_those_that_the_official_sdk_builds(key: str) -> None:
    """Visitors get their URLs from the SDK: another spelling of a path could be another cache entry."""
    with ImageKit(private_key="-") as sdk:
        built = sdk.helper.build_url(src=f"/{key}", url_endpoint=ENDPOINT, transformation=[])
    assert targets(f"origin={ENDPOINT}", key) == [built]


@given(st.text("./a1-", max_size=17).map(lambda text: f"/{text}"))
def test_the_emulator_accepts_every_wildcard_that_is_allowed(path: str) -> None:
    """Its reading of the rule is the strictest: `dots..jpg` is a file with an extension there, too. It does
    not count the first slash among 15 characters, which remains a guess."""
    assert not wildcard_allowed(path) or len(path) == 15 or wildcards.accepted(path)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/images/upload", True),
        ("/images/upload*", True),
        ("/images", False),
        ("/images*", False),
        ("/folder/", False),
        ("/folder/a", True),
        ("/a/b/", True),
        ("/12345678901234", True),  # 15 characters with the slash
        ("/1234567890123", False),
        ("/a-folder-with-a-long-name/", True),
        ("/sample.jpg", True),
        ("/s.jpeg*", True),
        ("/dots..jpg", True),
        ("/.a.jpg", True),
        ("/.jpg", False),
        ("/..jpg", False),
        ("/....jpg", False),
        ("/sample.", False),
        ("/x.jpg/", False),
        ("/media/catalog/", False),
        ("/media/catalog/*", False),
        ("/s/files/", False),
        ("/s/files/*", False),
        ("/media/catalog/product/", True),
        ("/media/catalogue", True),
        ("/s/files", True),
        ("/folder/*/x.jpg", False),
        ("/a/b/*/c*", False),
        ("/a/b/**", False),
        ("/", False),
        ("/*", False),
        ("", False),
        ("*", False),
        ("images/upload", False),
    ],
)
def test_wildcard_allowed(path: str, allowed: bool) -> None:
    """ImageKit's three rules, its two banned paths, and what was refused in the field."""
    assert wildcard_allowed(path) is allowed


def test_mapping() -> None:
    """Folders are left out of the URL; keys outside of them, and other buckets, are not served."""
    url_map = f"origin/media={ENDPOINT}, origin/media/shop=https://img.example.com ,*={ENDPOINT}/any/"
    assert targets(url_map, "media/shop/a b.jpg") == [
        f"{ENDPOINT}/shop/a%20b.jpg",
        "https://img.example.com/a%20b.jpg",
        f"{ENDPOINT}/any/media/shop/a%20b.jpg",
    ]
    assert targets(url_map, "mediafile.jpg") == [f"{ENDPOINT}/any/mediafile.jpg"]
    assert targets(f"origin/media={ENDPOINT}", "media/") == []
    assert targets(f"origin={ENDPOINT}", "a.jpg", bucket="origin2") == []


def test_path_transformations_and_repeats() -> None:
    """A variant in the path is a URL of its own; an endpoint named twice is purged once."""
    assert targets(f"origin={ENDPOINT},*={ENDPOINT}", "a.jpg", transformations=("tr:w-300,h-300",)) == [
        f"{ENDPOINT}/a.jpg",
        f"{ENDPOINT}/tr:w-300,h-300/a.jpg",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " , ",
        "origin",
        "=https://ik.imagekit.io/demo",
        "origin=",
        "origin=ik.imagekit.io/demo",
        "origin=http://ik.imagekit.io/demo",
        "origin=ftp://ik.imagekit.io/demo",
        "origin=javascript:alert(1)",
        "origin=https://user:hunter2@ik.imagekit.io/demo",
        "origin=https://ik.imagekit.io/demo?x=1",
        "origin=https://ik.imagekit.io/demo#x",
        "origin=https://ik.imagekit.io/*",
        "origin=https://ik.imagekit.io:port/demo",
        "origin=https://[::1/demo",
        f"good={ENDPOINT},bad",
        f"s3://origin/media={ENDPOINT}",
        f"my%20bucket={ENDPOINT}",
        "origin=https://ik.imagekit.io/my photos",
        "origin=https://ik.imagekit.io/größe",
    ],
)
def test_mappings_that_make_no_sense(text: str) -> None:
    """The error names what is wrong, at the first event after the deployment."""
    with pytest.raises(InvalidSetting, match=r"UrlMap (entry|is empty)"):
        UrlMap.parse(text)


@pytest.mark.parametrize("folder", ["my%20photos", "a/100%25", "%C3%A9t%C3%A9", "a%2fb", "%ff"])
def test_an_encoded_folder_is_refused(folder: str) -> None:
    """It would match no key and purge nothing, silently. The error shows what may have been meant."""
    with pytest.raises(InvalidSetting, match="the folder is percent-encoded") as caught:
        UrlMap.parse(f"origin/{folder}={ENDPOINT}")
    assert repr(unquote(folder)) in str(caught.value)


def test_a_folder_stands_as_in_the_bucket() -> None:
    """Blanks, signs and a percent sign that encodes nothing: the URL's encoding is not the setting's."""
    for folder in ("my photos", "100% + more", "été"):
        assert targets(f"origin/{folder}={ENDPOINT}", f"{folder}/a b.jpg") == [f"{ENDPOINT}/a%20b.jpg"]


@pytest.mark.parametrize("transformation", ["w-300", "tr:w-300/x", "tr:w-300?", "tr:w-300#", "tr:*"])
def test_path_transformations_that_make_no_sense(transformation: str) -> None:
    """They would change what the URL means."""
    with pytest.raises(InvalidSetting, match="path transformation"):
        UrlMap.parse(f"origin={ENDPOINT}", [transformation])


MAP = UrlMap.parse(f"origin={ENDPOINT},shop=https://img.example.com/shop", ["tr:n-thumb"])


@pytest.mark.parametrize(
    "url",
    [
        f"{ENDPOINT}/a.jpg",
        f"{ENDPOINT}/a.jpg?tr=w-300&v=../x",
        f"{ENDPOINT}/a.jpg*",
        f"{ENDPOINT}/tr:w-1/a.jpg",
        f"{ENDPOINT}/a/..b/c%2Ad..jpg",
        f"{ENDPOINT}/folder/sub/*",
        "https://img.example.com/shop/tr:n-thumb/a.jpg",
    ],
)
def test_urls_that_a_manual_purge_may_name(url: str) -> None:
    """They are purged as they are."""
    assert MAP.validated(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://ik.imagekit.io/other/a.jpg",
        "https://ik.imagekit.io/demo2/a.jpg",
        "https://ik.imagekit.io/demo",
        "https://ik.imagekit.io.evil.example/demo/a.jpg",
        "https://evil.example/?https://ik.imagekit.io/demo/a.jpg",
        "http://ik.imagekit.io/demo/a.jpg",
        "ftp://ik.imagekit.io/demo/a.jpg",
        "file:///etc/passwd",
        "//ik.imagekit.io/demo/a.jpg",
        "ik.imagekit.io/demo/a.jpg",
        "HTTPS://IK.IMAGEKIT.IO/demo/a.jpg",
        "https://img.example.com/a.jpg",
        f"{ENDPOINT}/../other/a.jpg",
        f"{ENDPOINT}/./a.jpg",
        f"{ENDPOINT}/%2e%2e/other/a.jpg",
        f"{ENDPOINT}/.%2E/other/a.jpg",
        f"{ENDPOINT}/..%2Fother%2Fa.jpg",
        f"{ENDPOINT}/a%2f..%2f..%2fother",
        f"{ENDPOINT}/..\\other\\a.jpg",
        f"{ENDPOINT}/..%5Cother%5Ca.jpg",
        f"{ENDPOINT}/a*b.jpg",
        f"{ENDPOINT}/a/**",
        f"{ENDPOINT}/*",
        f"{ENDPOINT}/folder*",
        f"{ENDPOINT}/a.jpg#x",
        f"{ENDPOINT}/a b.jpg",
        f"{ENDPOINT}/é.jpg",
        f"{ENDPOINT}/a\n.jpg",
        f"{ENDPOINT}/a\x00.jpg",
        f"{ENDPOINT}/\ud800.jpg",
        f"{ENDPOINT}/{'a' * 10_000}.jpg",
        "",
        None,
        7,
        [ENDPOINT],
        {"url": ENDPOINT},
    ],
)
def test_urls_that_a_manual_purge_may_not_name(url: object) -> None:
    """Nothing is purged, or looked at, outside the configured endpoints."""
    with pytest.raises(InvalidRequest) as caught:
        MAP.validated(url)
    assert len(str(caught.value)) < 500
    assert str(caught.value).encode()


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@ik.imagekit.io/demo/a.jpg",
        "https://hunter2@ik.imagekit.io/demo/a.jpg",
        "https://user:pass/hunter2@ik.imagekit.io/demo/a.jpg",
        "https://user:p@hunter2@ik.imagekit.io/demo/a.jpg",
        "https:/user:hunter2@ik.imagekit.io/demo/a.jpg",
        "//user:hunter2@ik.imagekit.io/demo/a.jpg",
        "user:hunter2@ik.imagekit.io/demo/a.jpg",
        "https://user:hunter2 @ik.imagekit.io/demo/ä.jpg",
    ],
)
def test_credentials_in_a_url_are_refused_and_not_repeated(url: str) -> None:
    """The error ends in the log and at whoever asked; the place after the @ says which URL it was."""
    with pytest.raises(InvalidRequest) as caught:
        MAP.validated(url)
    assert "hunter2" not in str(caught.value)
    assert "ik.imagekit.io/demo/" in str(caught.value)


def test_an_at_sign_in_the_path_is_no_credential() -> None:
    """`icon@2x.png` is a common name; the message shows the whole URL."""
    with pytest.raises(InvalidRequest, match=r"ik\.imagekit\.io/other/icon@2x\.png"):
        MAP.validated("https://ik.imagekit.io/other/icon@2x.png")


@settings(deadline=None)
@given(st.text() | st.text().map(lambda text: f"{ENDPOINT}/{text}"))
def test_whatever_is_accepted_lies_under_an_endpoint(url: str) -> None:
    """Any text is refused with InvalidRequest, or is a URL of an endpoint with no `*` but at its end."""
    try:
        assert MAP.validated(url) == url
    except InvalidRequest:
        return
    assert url.startswith(f"{ENDPOINT}/")
    assert "*" not in url[:-1]


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("a=https://i.io/1,b=https://i.io/2,c=https://i.io/3", 1),
        ("a=https://i.io/1,a=https://i.io/2,*=https://i.io/3", 3),
        ("*/x=https://i.io/1,a=https://i.io/2,b/x/y=https://i.io/3,a/z=https://i.io/4", 2),
        ("*/x=https://i.io/1,b=https://i.io/2,b/x/y=https://i.io/3", 3),
    ],
)
def test_the_most_urls_that_an_object_can_have(text: str, most: int) -> None:
    """Those of one bucket and of folders in each other, each once for every path transformation."""
    assert UrlMap.parse(text).most_urls == most
    assert UrlMap.parse(text, ["tr:w-1", "tr:w-2"]).most_urls == 3 * most


def _twins(text: str, bucket: str, *, several: bool = False) -> set[tuple[str, str, str]]:
    found = UrlMap.parse(text, ["tr:w-1"]).shared_prefixes(bucket, several=several)
    return {(twin.here, twin.bucket, twin.there) for twin in found}


def test_what_has_the_same_urls_as_a_bucket() -> None:
    """Entries of the same endpoint or of one below it, in other buckets or in other folders of the same."""
    assert _twins("a=https://i.io/x,b=https://i.io/x", "a") == {("", "b", "")}
    assert _twins("a=https://i.io/x,b=https://i.io/y,c=https://i.io/xy", "a") == set()
    assert _twins("a/f=https://i.io/x,b/g/h=https://i.io/x", "a") == {("f/", "b", "g/h/")}
    assert _twins("a/f=https://i.io/x,a/g=https://i.io/x", "a") == {("f/", "a", "g/"), ("g/", "a", "f/")}
    above = "a/f=https://i.io/x,b/g=https://i.io/x/s%20t"
    assert _twins(above, "a") == {("f/s t/", "b", "g/")}
    assert _twins(above, "b") == {("g/", "a", "f/s t/")}
    assert _twins("a=https://i.io/x,a/s=https://i.io/x/s", "a") == set()


def test_what_has_the_same_urls_as_any_bucket() -> None:
    """`*` is the buckets that are named elsewhere, and if there are several, some that are not."""
    assert _twins("*=https://i.io/x", "a") == set()
    assert _twins("*=https://i.io/x", "a", several=True) == {("", "*", "")}
    assert _twins("*=https://i.io/x,b=https://i.io/x", "b") == set()
    assert _twins("*=https://i.io/x,b=https://i.io/y", "a") == {("", "b", "")}
    assert _twins("a=https://i.io/x,*=https://i.io/x", "a", several=True) == {("", "*", "")}
    assert _twins("a=https://i.io/x,b=https://i.io/y", "a", several=True) == set()
    assert _twins("*/f=https://i.io/x,*/g=https://i.io/x", "a") == {("f/", "a", "g/"), ("g/", "a", "f/")}
