"""Draws small images whose versions look clearly different."""

from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

_SIZE = (240, 160)  # pixels
_FORMATS = {"png": ("PNG", "image/png"), "jpg": ("JPEG", "image/jpeg"), "webp": ("WEBP", "image/webp")}

# Degrees between the hues of two versions of a picture, so that their colours tell them apart.
_HUE_OF_VERSION = 140


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded image, and its content type."""

    body: bytes
    content_type: str


def draw(number: int, version: int, extension: str) -> Picture:
    """Returns a version of picture `number`, as `png`, `jpg` or `webp`; equal arguments give equal bytes."""
    encoding, content_type = _FORMATS[extension]
    hue = (number * 47 + version * _HUE_OF_VERSION) % 360
    image = Image.new("RGB", _SIZE, f"hsl({hue}, 60%, 45%)")
    canvas = ImageDraw.Draw(image)
    canvas.ellipse((140, 20, 220, 100), fill=f"hsl({(hue + 180) % 360}, 70%, 65%)")
    canvas.text((16, 30), f"{number:02}", font=ImageFont.load_default(64), fill="white")
    canvas.text((16, 110), f"v{version}", font=ImageFont.load_default(32), fill="white")
    encoded = BytesIO()
    image.save(encoded, encoding)
    return Picture(encoded.getvalue(), content_type)
