"""What the account's endpoints answer: URL-endpoints, origins, named transformations.

The shapes are those of the official SDK (imagekitio 5.x, `types/accounts`). The account that the emulator
plays has the first ImageKit id that it serves; other ids belong to other accounts, as they would at ImageKit.
"""

import hashlib
from collections.abc import Callable, Mapping

from local.imagekit.origin import Bucket
from local.imagekit.settings import BadSetting

URL_ENDPOINTS = "/v1/accounts/url-endpoints"
ORIGINS = "/v1/accounts/origins"
NAMED_TRANSFORMATIONS = "/v1/named-transformations"
USAGE_ANALYTICS = "/v1/accounts/usage-analytics"

Listed = list[dict[str, object]]

# The names under which `POST /_control/account` replaces a list.
_PATHS = {
    "urlEndpoints": URL_ENDPOINTS,
    "origins": ORIGINS,
    "namedTransformations": NAMED_TRANSFORMATIONS,
}


class Account:
    """The lists of the account. They follow from what the edge serves, unless a test replaces them."""

    def __init__(self, origins: Mapping[str, Bucket]) -> None:
        served = dict(origins)
        self._derived: dict[str, Callable[[], Listed]] = {
            URL_ENDPOINTS: lambda: _url_endpoints(served),
            ORIGINS: lambda: _origins(served),
            NAMED_TRANSFORMATIONS: list,
        }

    def list_of(self, path: str, replaced: Mapping[str, Listed]) -> Listed | None:
        """Returns what a GET of ``path`` lists; None if the path is none of the lists."""
        if path not in self._derived:
            return None
        return replaced[path] if path in replaced else self._derived[path]()


def replacements(fields: Mapping[str, object]) -> dict[str, Listed]:
    """Returns the lists of ``POST /_control/account``, by their paths. Raises BadSetting."""
    lists: dict[str, Listed] = {}
    for name, value in fields.items():
        if name not in _PATHS:
            raise BadSetting(f"unknown list {name!r}; known are {', '.join(_PATHS)}")
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise BadSetting(f"{name} is no list of objects; give [{{…}}, …]")
        lists[_PATHS[name]] = value
    return lists


def _url_endpoints(served: Mapping[str, Bucket]) -> Listed:
    return [
        {
            "id": _id("endpoint", prefix) if prefix else "default",
            "description": f"Serves s3://{bucket.name}/{bucket.folder}",
            "urlPrefix": prefix,
            "origins": [_id("origin", f"{bucket.name}/{bucket.folder}")],
        }
        for prefix, bucket in _of_the_account(served).items()
    ]


def _origins(served: Mapping[str, Bucket]) -> Listed:
    return [
        {
            "id": _id("origin", f"{bucket.name}/{bucket.folder}"),
            "name": f"{bucket.name}/{bucket.folder}".rstrip("/"),
            "type": "S3",
            "bucket": bucket.name,
            "prefix": bucket.folder,
            "includeCanonicalHeader": False,
            "useIAMRole": False,
        }
        for bucket in dict.fromkeys(_of_the_account(served).values())
    ]


def _of_the_account(served: Mapping[str, Bucket]) -> dict[str, Bucket]:
    """Returns the buckets of the account's endpoints, by the URL prefix behind the ImageKit id."""
    account = next(iter(served), "").partition("/")[0]
    split = {endpoint: endpoint.partition("/") for endpoint in served}
    return {
        split[endpoint][2]: bucket for endpoint, bucket in served.items() if split[endpoint][0] == account
    }


def _id(kind: str, name: str) -> str:
    """Returns an id of 24 hexadecimal digits that is the same in every run."""
    return hashlib.sha256(f"{kind} {name}".encode()).hexdigest()[:24]
