"""Realistic keys of a bucket. They are the same each time and on every machine."""

import random
from collections.abc import Iterator
from itertools import islice

_SIZES = ("", "-150x150", "-300x300", "-768x768", "-1536x1536", "-scaled", "@2x")
_NAMES = ("hero", "front", "back", "detail", "lifestyle", "swatch", "packshot", "größe", "サイズ")


def split(size: int, share: float) -> tuple[list[str], list[str]]:
    """(changed, unchanged) keys in S3's order. At least one key has changed.

    The keys are made in order, as a listing is read. In another order they would lie scattered in memory, and
    the gaps between them would count as memory of the planner.
    """
    chance = random.Random(size)
    changed: list[str] = []
    unchanged: list[str] = []
    for key in islice(_keys(size, chance), size):
        (changed if chance.random() < share else unchanged).append(key)
    return changed or [unchanged.pop()], unchanged


def _keys(size: int, chance: random.Random) -> Iterator[str]:
    """`size` keys or a few more: hashes, products and dated uploads. Each image has up to seven sizes."""
    folders = max(1, size // 1000)
    for kind in ("assets", "products", "uploads"):
        for folder in range(folders):
            names: set[str] = set()
            while len(names) * 3 * folders < size:
                names.update(_image(kind, folder, chance))
            yield from sorted(names)


def _image(kind: str, folder: int, chance: random.Random) -> Iterator[str]:
    if kind == "assets":
        stem = f"{folder:04x}/{chance.getrandbits(128):032x}"
    elif kind == "products":
        stem = f"brand-{folder:04}/sku-{chance.randrange(1_000_000):06}/{chance.choice(_NAMES)}"
    else:
        stem = (
            f"{2000 + folder // 366}/day-{folder % 366:03}/{chance.choice(_NAMES)}-{chance.randrange(10_000)}"
        )
    for suffix in chance.sample(_SIZES, chance.randint(1, len(_SIZES))):
        yield f"{kind}/{stem}{suffix}.webp"
