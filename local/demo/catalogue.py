"""The images of the demo: what their keys are, and what happens to each.

Keys are what goes wrong in systems like this one, so they hold every character that is special to S3, to URLs
or to ImageKit's wildcards. Beside many stands its twin: the key that careless encoding would purge instead.

Untouched images stand in every folder that has changes, but for one folder, which changes as a whole. There
are enough of them that no wildcard is worth its needless evictions, so each must stay in the cache.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

MAX_KEY_BYTES = 1024


class Act(StrEnum):
    """What happens to an image after the edge has cached it (or its absence)."""

    KEPT = "untouched"
    OVERWRITTEN = "overwritten"
    DELETED = "deleted"
    ADDED = "added"
    COPIED = "copied over"


@dataclass(frozen=True, slots=True)
class Piece:
    """One image. `source` is the key that is copied over it."""

    key: str
    act: Act
    source: str = ""

    @property
    def extension(self) -> str:
        """`png`, `jpg` or `webp`."""
        return self.key.rpartition(".")[2]


# Composed and decomposed: the same to the eye, two objects to S3.
_NFC, _NFD = "caf\u00e9", "cafe\u0301"

# (what follows the number in its key, what happens to it, its twin)
_SPECIAL = [
    (" blue shoe.jpg", Act.OVERWRITTEN, " blue+shoe.jpg"),
    (" one+one.webp", Act.OVERWRITTEN, " one one.webp"),
    (" 50%20off.jpg", Act.OVERWRITTEN, " 50 off.jpg"),
    (" salt & pepper.png", Act.OVERWRITTEN, " salt .png"),
    (" who?.jpg", Act.DELETED, " who.jpg"),
    (" #1.png", Act.OVERWRITTEN, " .png"),
    (" five *.webp", Act.ADDED, " five stars.webp"),
    ("~draft.png", Act.COPIED, "%7Edraft.png"),
    (f" {_NFC}.jpg", Act.OVERWRITTEN, f" {_NFD}.jpg"),
    (f" {_NFD}.jpg", Act.DELETED, f" {_NFC}.jpg"),
    (" 照片 📷.webp", Act.OVERWRITTEN, " 照片.webp"),
    (" $'(a=b;c,d)'@!.png", Act.OVERWRITTEN, " $a.png"),
]

_PLAIN = [
    ("bag.jpg", Act.KEPT),
    ("bottle.png", Act.KEPT),
    ("cap.webp", Act.ADDED),
    ("clock.png", Act.KEPT),
    ("desk.jpg", Act.KEPT),
    ("frame.webp", Act.KEPT),
    ("lamp.jpg", Act.KEPT),
    ("mug.png", Act.DELETED),
    ("notebook.jpg", Act.KEPT),
    ("pen.png", Act.KEPT),
    ("shirt.webp", Act.KEPT),
    ("socks.jpg", Act.KEPT),
    ("towel.png", Act.OVERWRITTEN),
    ("vase.webp", Act.KEPT),
]
_SOURCE = "products/bag.jpg"

_EXTENSIONS = ("jpg", "png", "webp")


def pieces() -> list[Piece]:
    """All images, by folder."""
    return [*_products(), *_names(), *_odd_paths(), *_campaigns()]


def _products() -> Iterator[Piece]:
    for name, act in _PLAIN:
        yield Piece(f"products/{name}", act)


def _names() -> Iterator[Piece]:
    for number, (name, act, twin) in enumerate(_SPECIAL, start=1):
        yield Piece(f"names/{number:02}{name}", act, _SOURCE if act is Act.COPIED else "")
        yield Piece(f"names/{number:02}{twin}", Act.KEPT)
        yield Piece(f"names/{number:02}-plain.png", Act.KEPT)


def _odd_paths() -> Iterator[Piece]:
    for folder in ("/brand/", "shop//"):
        yield Piece(f"{folder}logo.png", Act.OVERWRITTEN)
        yield Piece(f"{folder.replace('//', '/').lstrip('/')}logo.png", Act.KEPT)
        yield Piece(f"{folder}banner.jpg", Act.KEPT)
    yield Piece(_long("archive/"), Act.OVERWRITTEN)
    yield Piece("archive/short.webp", Act.KEPT)
    yield Piece("archive/shorter.webp", Act.KEPT)


def _campaigns() -> Iterator[Piece]:
    for number in range(1, 11):
        extension = _EXTENSIONS[number % 3]
        yield Piece(f"campaigns/summer-2026/look-{number:02}.{extension}", Act.OVERWRITTEN)
    for number in range(1, 5):
        yield Piece(f"campaigns/winter-2026/look-{number:02}.jpg", Act.KEPT)


def _long(folder: str) -> str:
    """The longest key that S3 takes, of characters that take three bytes each."""
    room = MAX_KEY_BYTES - len(folder) - len(".png")
    return f"{folder}{'長' * (room // 3)}{'x' * (room % 3)}.png"
