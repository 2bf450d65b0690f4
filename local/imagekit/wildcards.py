"""Which wildcard purges ImageKit accepts.

Source: "Purge cache for multiple files" in https://imagekit.io/docs/cache-purge. Where it is unclear, the
emulator takes the strictest reading: what it accepts, ImageKit accepts as well.
"""

import re

# The documentation names these paths as "unconditionally not supported when using a wildcard".
_BANNED = frozenset({"/media/catalog/", "/s/files/"})
_LEAST_CHARACTERS = 15
_FILE_WITH_EXTENSION = re.compile(r"[^/]+\.[A-Za-z0-9]+", re.ASCII)


def accepted(path: str) -> bool:
    """Whether ``path`` + ``*`` may be purged.

    ``path`` is decoded text with its leading slash, without host, id, URL pattern, path transformations,
    query and star. One of three conditions is enough:

    1. two levels of nesting: ``/images/upload``. An empty level does not count: ImageKit refused ``/folder/``
    2. at least 15 characters. Guess: the leading slash and the star do not count, and a percent-encoded
       character counts as one
    3. a complete file path with an extension: ``/sample.jpg``
    """
    if path in _BANNED:
        return False
    levels = [level for level in path.split("/") if level]
    name = path.rpartition("/")[2]
    return (
        len(levels) >= 2
        or len(path.removeprefix("/")) >= _LEAST_CHARACTERS
        or _FILE_WITH_EXTENSION.fullmatch(name) is not None
    )
