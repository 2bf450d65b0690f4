"""A proposal for Dependents: the URLs of images that show an overlay, a font or a default image.

Where several pages' images of a folder show it, the wildcard of the folder is proposed. It may evict more
than needed, so a person should look at it.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from ops.doctor.domain import InvalidSetting, Settings, UrlMap, wildcard_allowed
from ops.doctor.finding import Finding, mend
from ops.doctor.forms import OVERLAY
from ops.doctor.uses import Sighting, endpoints_of, is_covered, objects

_WRITE = "Write the entry by hand, or give the object another name."


def dependents(
    now: Iterable[str], url_map: str, seen: Iterable[Sighting], settings: Settings
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """The entries of now, and those for the overlays that the settings do not cover; and findings about
    entries that cannot be set."""
    if not url_map:
        return tuple(now), ()
    parsed = UrlMap.parse(url_map)
    endpoints = endpoints_of(parsed)
    shown: dict[tuple[str, str], list[Sighting]] = defaultdict(list)
    for each in seen:
        if each.found.form == OVERLAY and each.place in endpoints and not is_covered(each, settings):
            for changed in objects(each, parsed):
                shown[pattern_of(changed.key), each.place].append(each)
    fit: list[str] = [*now]
    unfit: list[Finding] = []
    for (pattern, place), images in shown.items():
        for path in _paths(images):
            # A path stands for all endpoints, and costs a purge for each.
            entry = f"{pattern}={'' if len({root.endpoint for root in parsed.roots}) == 1 else place}{path}"
            try:
                UrlMap.parse(url_map, dependent=entry)
            except InvalidSetting as error:
                unfit.append(mend(f"Dependents cannot have {entry}: {error}", _WRITE))
            else:
                fit.append(entry)
    return tuple(dict.fromkeys(fit)), tuple(unfit)


def pattern_of(key: str) -> str:
    """The glob pattern of one key. What a pattern of Dependents cannot have is a `?`, which stands for any
    character."""
    return re.sub(r"[^!-~]|[,=*?\[]", "?", key)


def _paths(images: Sequence[Sighting]) -> Iterator[str]:
    """What to purge for images at one place, as paths with their first slash."""
    folders: dict[str, dict[str, str]] = defaultdict(dict)
    for each in images:
        path = f"/{each.found.path}"
        folders[path[: path.rindex("/") + 1]][path] = each.query
    for folder, paths in folders.items():
        if len(paths) > 1 and wildcard_allowed(f"{folder}*"):
            yield f"{folder}*"
        else:
            for path, query in paths.items():
                whole = f"{path}?{query}" if query else path
                yield f"{path}*" if wildcard_allowed(f"{path}*") else whole
