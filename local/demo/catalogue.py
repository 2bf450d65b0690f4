"""The images of the demo: their keys, and how each of them changes.

The keys contain every character that is special in S3, in URLs or in ImageKit's wildcards. Next to many of
them is a lookalike: the key that a wrong encoding would purge instead.

Every folder with changes also has untouched images, except one folder, in which everything changes. There are
so many untouched images that no wildcard is worth their eviction. So each of them must stay in the cache.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

MAX_KEY_BYTES = 1024
"""The longest key, in UTF-8: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""


class ChangeKind(StrEnum):
    """What happens to an image after the edge has cached it, or has cached a 404 for it."""

    UNTOUCHED = "untouched"
    OVERWRITTEN = "overwritten"
    DELETED = "deleted"
    ADDED = "added"
    COPIED = "copied over"


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """One image: its key and its change. `source` is the key of the image that is copied over it."""

    key: str
    kind: ChangeKind
    source: str = ""

    @property
    def extension(self) -> str:
        """`png`, `jpg` or `webp`."""
        return self.key.rpartition(".")[2]


# Composed and decomposed: they look the same, but for S3 they are two objects.
_NFC, _NFD = "caf\u00e9", "cafe\u0301"

# (what follows the number in the key, kind of change, what follows the number in the key of its lookalike)
_SPECIAL = [
    (" blue shoe.jpg", ChangeKind.OVERWRITTEN, " blue+shoe.jpg"),
    (" one+one.webp", ChangeKind.OVERWRITTEN, " one one.webp"),
    (" 50%20off.jpg", ChangeKind.OVERWRITTEN, " 50 off.jpg"),
    (" salt & pepper.png", ChangeKind.OVERWRITTEN, " salt .png"),
    (" who?.jpg", ChangeKind.DELETED, " who.jpg"),
    (" #1.png", ChangeKind.OVERWRITTEN, " .png"),
    (" five *.webp", ChangeKind.ADDED, " five stars.webp"),
    ("~draft.png", ChangeKind.COPIED, "%7Edraft.png"),
    (f" {_NFC}.jpg", ChangeKind.OVERWRITTEN, f" {_NFD}.jpg"),
    (f" {_NFD}.jpg", ChangeKind.DELETED, f" {_NFC}.jpg"),
    (" 照片 📷.webp", ChangeKind.OVERWRITTEN, " 照片.webp"),
    (" $'(a=b;c,d)'@!.png", ChangeKind.OVERWRITTEN, " $a.png"),
]

_PLAIN = [
    ("bag.jpg", ChangeKind.UNTOUCHED),
    ("bottle.png", ChangeKind.UNTOUCHED),
    ("cap.webp", ChangeKind.ADDED),
    ("clock.png", ChangeKind.UNTOUCHED),
    ("desk.jpg", ChangeKind.UNTOUCHED),
    ("frame.webp", ChangeKind.UNTOUCHED),
    ("lamp.jpg", ChangeKind.UNTOUCHED),
    ("mug.png", ChangeKind.DELETED),
    ("notebook.jpg", ChangeKind.UNTOUCHED),
    ("pen.png", ChangeKind.UNTOUCHED),
    ("shirt.webp", ChangeKind.UNTOUCHED),
    ("socks.jpg", ChangeKind.UNTOUCHED),
    ("towel.png", ChangeKind.OVERWRITTEN),
    ("vase.webp", ChangeKind.UNTOUCHED),
]
_SOURCE = "products/bag.jpg"

_EXTENSIONS = ("jpg", "png", "webp")


def image_specs() -> list[ImageSpec]:
    """Returns all images, sorted by folder."""
    return [*_products(), *_names(), *_odd_paths(), *_campaigns()]


def _products() -> Iterator[ImageSpec]:
    for name, kind in _PLAIN:
        yield ImageSpec(f"products/{name}", kind)


def _names() -> Iterator[ImageSpec]:
    for number, (name, kind, lookalike) in enumerate(_SPECIAL, start=1):
        yield ImageSpec(f"names/{number:02}{name}", kind, _SOURCE if kind is ChangeKind.COPIED else "")
        yield ImageSpec(f"names/{number:02}{lookalike}", ChangeKind.UNTOUCHED)
        yield ImageSpec(f"names/{number:02}-plain.png", ChangeKind.UNTOUCHED)


def _odd_paths() -> Iterator[ImageSpec]:
    for folder in ("/brand/", "shop//"):
        yield ImageSpec(f"{folder}logo.png", ChangeKind.OVERWRITTEN)
        yield ImageSpec(f"{folder.replace('//', '/').lstrip('/')}logo.png", ChangeKind.UNTOUCHED)
        yield ImageSpec(f"{folder}banner.jpg", ChangeKind.UNTOUCHED)
    yield ImageSpec(_longest_key("archive/"), ChangeKind.OVERWRITTEN)
    yield ImageSpec("archive/short.webp", ChangeKind.UNTOUCHED)
    yield ImageSpec("archive/shorter.webp", ChangeKind.UNTOUCHED)


def _campaigns() -> Iterator[ImageSpec]:
    for number in range(1, 11):
        extension = _EXTENSIONS[number % 3]
        yield ImageSpec(f"campaigns/summer-2026/look-{number:02}.{extension}", ChangeKind.OVERWRITTEN)
    for number in range(1, 5):
        yield ImageSpec(f"campaigns/winter-2026/look-{number:02}.jpg", ChangeKind.UNTOUCHED)


def _longest_key(folder: str) -> str:
    """Returns a key of MAX_KEY_BYTES, mostly of characters that take three bytes each."""
    free = MAX_KEY_BYTES - len(folder) - len(".png")
    return f"{folder}{'長' * (free // 3)}{'x' * (free % 3)}.png"
