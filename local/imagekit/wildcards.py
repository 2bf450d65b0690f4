"""Which wildcard purges ImageKit accepts.

Source: "Purge cache for multiple files" in ImageKit's documentation; where it is silent the strictest
reading is taken, so that a client which passes here passes there.
"""

import re

# "The following paths are unconditionally not supported when using a wildcard."
_BANNED = frozenset({"/media/catalog/", "/s/files/"})
_LEAST_CHARACTERS = 15
_FILE_WITH_EXTENSION = re.compile(r"[^/]+\.[A-Za-z0-9]+", re.ASCII)


def accepted(path: str) -> bool:
    """Whether ``path`` + ``*`` may be purged.

    ``path`` is decoded text with its leading slash, without host, id, URL pattern, path
    transformations, query and the star itself. Any one of three conditions is enough:

    1. two levels of nesting: ``/images/upload``. An empty level does not count (``/folder/`` was
       refused in the field)
    2. at least 15 characters. Guess: neither leading slash nor star counts, and a character that
       travels percent-encoded is one character
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
