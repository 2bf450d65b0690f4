"""The code of the functions: the doctor decides by it what a setting covers, exactly as they do.

All imports of `purging` by `ops` are here.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "functions"))  # where Lambda finds it too

from purging.errors import InvalidSetting, KeyRefused
from purging.imagekit.private_key import PrivateKey, masked
from purging.quoting import shown_url
from purging.roots import split_web_proxy
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
    "settings_of",
    "shown_url",
    "split_web_proxy",
    "wildcard_allowed",
]

# The variables that a stack sets by itself, and that no setting of its operator changes.
_OF_THE_STACK = ("LEDGER_TABLE", "IMAGEKIT_SECRET_ARN")


def settings_of(environ: Mapping[str, str]) -> Settings:
    """The settings that the functions would have with these variables. Raises InvalidSetting."""
    return Settings.from_env(dict(environ) | dict.fromkeys(_OF_THE_STACK, "-"))
