"""Real images, small and plainly different from one version to the next."""

from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

_SIZE = (240, 160)  # pixels
_FORMATS = {"png": ("PNG", "image/png"), "jpg": ("JPEG", "image/jpeg"), "webp": ("WEBP", "image/webp")}

# Hues (degrees) of the versions start this far apart, so that no one has to read to see which is which.
_HUE_OF_VERSION = 140


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded image."""

    body: bytes
    content_type: str


def draw(number: int, version: int, extension: str) -> Picture:
    """Picture `number` in some version, as `png`, `jpg` or `webp`. The same arguments give the same bytes."""
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
