"""Changes, and how they are read from events. Others import them from here: the path is a contract."""

from purging.errors import MalformedEvent
from purging.events.model import IDENTITY_BYTES, Change, Kind, ObjectChange, UrlChange
from purging.events.sources import parse, split

__all__ = [
    "IDENTITY_BYTES",
    "Change",
    "Kind",
    "MalformedEvent",
    "ObjectChange",
    "UrlChange",
    "parse",
    "split",
]
