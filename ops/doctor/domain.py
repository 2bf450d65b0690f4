"""The code of the functions: the doctor decides by it what a setting covers, exactly as they do.

All imports of `purging` by `ops` are here.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "functions"))  # where Lambda finds it too

from purging.errors import InvalidSetting, KeyRefused
from purging.imagekit.private_key import PrivateKey, masked
from purging.settings import IMAGEKIT_API_URL, Settings
from purging.urls import Root, UrlMap, encode, wildcard_allowed

__all__ = [
    "IMAGEKIT_API_URL",
    "InvalidSetting",
    "KeyRefused",
    "PrivateKey",
    "Root",
    "Settings",
    "UrlMap",
    "encode",
    "masked",
    "wildcard_allowed",
]
