"""The demo's images are real images, and its keys have all special characters."""

from collections.abc import Callable
from io import BytesIO
from itertools import product

import pytest
from PIL import Image

from local.demo.catalogue import MAX_KEY_BYTES, ChangeKind, ImageSpec, image_specs
from local.demo.drawing import draw
from purging.cover import cover
from purging.urls import UrlMap, encode, wildcard_allowed

SPECS = image_specs()
CHANGED = [spec.key for spec in SPECS if spec.kind is not ChangeKind.UNTOUCHED]
UNTOUCHED = [spec.key for spec in SPECS if spec.kind is ChangeKind.UNTOUCHED]


@pytest.mark.parametrize(("extension", "kind"), [("png", "PNG"), ("jpg", "JPEG"), ("webp", "WEBP")])
def test_an_image_is_what_its_key_says(extension: str, kind: str) -> None:
    """The format is that of the extension."""
    picture = draw(7, 1, extension)
    with Image.open(BytesIO(picture.body)) as image:
        image.load()
        assert image.format == kind
    assert picture.content_type == f"image/{kind.lower()}"


def test_images_differ_by_number_and_by_version_and_by_nothing_else() -> None:
    """The bytes alone show which version the edge serves."""
    drawn = [draw(number, version, "png").body for number, version in product(range(1, 80), (1, 2))]
    assert len(set(drawn)) == len(drawn)
    assert draw(1, 2, "webp") == draw(1, 2, "webp")


def test_versions_differ_to_the_eye() -> None:
    """Their backgrounds have clearly different colours."""
    corners = []
    for version in (1, 2):
        with Image.open(BytesIO(draw(3, version, "png").body)) as image:
            corners.append(image.convert("RGB").getpixel((2, 2)))
    first, second = corners
    assert isinstance(first, tuple)
    assert isinstance(second, tuple)
    assert max(abs(a - b) for a, b in zip(first, second, strict=True)) > 60


@pytest.mark.parametrize(
    "has",
    [
        *(lambda key, mark=mark: mark in key for mark in " +%&?#*~"),
        lambda key: key.startswith("/"),
        lambda key: "//" in key,
        lambda key: "caf\u00e9" in key,
        lambda key: "cafe\u0301" in key,
        lambda key: len(key.encode()) == MAX_KEY_BYTES and not key.isascii(),
    ],
)
def test_what_is_hard_in_a_key_is_in_one_that_changes(has: Callable[[str], bool]) -> None:
    """Each special character is in a key that is purged, not only uploaded."""
    assert any(has(key) for key in CHANGED)


def test_every_way_to_change_is_there() -> None:
    """Every kind of change occurs, and there are a few dozen images."""
    assert {spec.kind for spec in SPECS} == set(ChangeKind)
    assert len({spec.key for spec in SPECS}) == len(SPECS) >= 36
    assert all(spec.source in UNTOUCHED for spec in SPECS if spec.kind is ChangeKind.COPIED)


@pytest.mark.parametrize("price", [0.0, 0.5, 1.0, 1.5])
def test_no_untouched_image_is_worth_evicting(price: float) -> None:
    """Otherwise the demo would report a correct decision of the planner as a problem."""
    purges = cover(CHANGED, UNTOUCHED, price, lambda prefix: wildcard_allowed(f"/{encode(prefix)}"))
    assert sum(purge.collateral for purge in purges) == 0
    assert 1 < len(purges) < len(CHANGED)


def test_every_changed_image_is_purged_with_its_query_variants() -> None:
    """A wildcard is allowed after each key, and covers no untouched image."""
    url_map = UrlMap.parse("*=https://ik.imagekit.io/demo")
    assert all(wildcard_allowed(f"/{encode(key)}") for key in CHANGED)
    targets = {key: url_map.roots[0].url(key) for key in CHANGED + UNTOUCHED}
    for key in CHANGED:
        assert not [other for other in UNTOUCHED if targets[other].startswith(targets[key])]


def test_an_extension_is_one_that_can_be_drawn() -> None:
    """Other dots in the key do not matter."""
    assert {spec.extension for spec in SPECS} == {"png", "jpg", "webp"}
    assert ImageSpec("a.b/c d.webp", ChangeKind.UNTOUCHED).extension == "webp"
