"""The operator's settings, read from the environment variables that template.yaml sets."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from purging.errors import InvalidSetting
from purging.quoting import shown_url
from purging.urls import UrlMap
from purging.weights import WeightedPattern, weighted_patterns

IMAGEKIT_API_URL = "https://api.imagekit.io"

# HTTPS is required, since plain HTTP would expose the private key. Only an emulator on the same machine may
# use plain HTTP.
_API_URL = re.compile(
    r"(https://[A-Za-z0-9][A-Za-z0-9.-]*|http://(127\.0\.0\.1|localhost)(?=:))"
    r"(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?/?"
)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, validated. The parameters of template.yaml explain each of them."""

    url_map: UrlMap
    ledger_table: str
    secret_arn: str
    query_variants: bool = True
    ignore_keys: tuple[str, ...] = ()
    eviction_weights: tuple[WeightedPattern, ...] = ()
    api_url: str = IMAGEKIT_API_URL
    monthly_quota: int = 1000
    reserve_percent: int = 10
    max_hold_seconds: int = 900
    skip_new_objects: bool = True
    several_buckets: bool = False
    """Whether `*` in the UrlMap stands for more than one bucket."""
    verify_freshness: bool = True
    dry_run: bool = False
    change_queue_url: str = ""
    track_purges_arn: str = ""
    alerts_topic_arn: str = ""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the environment. Raises InvalidSetting, which names the setting, its value and the remedy."""
        transformations = environ.get("PATH_TRANSFORMATIONS", "").split()
        return cls(
            url_map=UrlMap.parse(
                environ.get("URL_MAP", ""),
                transformations,
                seo=_flag(environ, "SEO_URLS", default=False),
                dependent=environ.get("DEPENDENTS", ""),
            ),
            ledger_table=_required(environ, "LEDGER_TABLE"),
            secret_arn=_required(environ, "IMAGEKIT_SECRET_ARN"),
            query_variants=_flag(environ, "QUERY_VARIANTS", default=True),
            ignore_keys=tuple(environ.get("IGNORE_KEYS", "").split()),
            eviction_weights=weighted_patterns(environ.get("EVICTION_WEIGHTS", "")),
            api_url=_api_url(environ.get("IMAGEKIT_API_URL", IMAGEKIT_API_URL)),
            monthly_quota=_number(environ, "MONTHLY_PURGE_QUOTA", 1000, 0, 100_000_000),
            reserve_percent=_number(environ, "QUOTA_RESERVE_PERCENT", 10, 0, 100),
            max_hold_seconds=_number(environ, "MAX_HOLD_SECONDS", 900, 0, 86_400),
            skip_new_objects=_choice(environ, "SKIP_NEW_OBJECTS", ("auto", "false")) == "auto",
            several_buckets=environ.get("SECOND_BUCKET", "-") not in ("", "-"),
            verify_freshness=_flag(environ, "VERIFY_FRESHNESS", default=True),
            dry_run=_flag(environ, "DRY_RUN", default=False),
            change_queue_url=environ.get("CHANGE_QUEUE_URL", ""),
            track_purges_arn=environ.get("TRACK_PURGES_ARN", ""),
            alerts_topic_arn=environ.get("ALERTS_TOPIC_ARN", ""),
        )

    @property
    def automatic_quota(self) -> int:
        """How many purges a month changes may use. The reserve is for manual purges and the dashboard."""
        return self.monthly_quota - self.monthly_quota * self.reserve_percent // 100

    def ignores(self, key: str) -> bool:
        """Whether the key matches a pattern of IgnoreKeys. `*` matches slashes, too."""
        return bool(self.ignore_keys) and any(fnmatchcase(key, pattern) for pattern in self.ignore_keys)


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise InvalidSetting(f"{name} is not set: deploy with template.yaml, which sets it")
    return value


def _choice(environ: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """The variable's value, which is one of the choices; the first choice if the variable is not set."""
    text = environ.get(name, choices[0]).lower()
    if text not in choices:
        raise InvalidSetting(f"{name} is {text!r}: write {' or '.join(choices)}")
    return text


def _flag(environ: Mapping[str, str], name: str, *, default: bool) -> bool:
    return _choice(environ, name, ("true", "false") if default else ("false", "true")) == "true"


def _number(environ: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = environ.get(name, str(default))
    if not text.isdecimal() or not low <= int(text) <= high:
        raise InvalidSetting(f"{name} is {text!r}: write a whole number from {low} to {high}")
    return int(text)


def _api_url(text: str) -> str:
    if not _API_URL.fullmatch(text):
        raise InvalidSetting(
            f"IMAGEKIT_API_URL is {shown_url(text)}: write https://host[:port], such as {IMAGEKIT_API_URL}, "
            "with no user, path, query or fragment"
        )
    return text.rstrip("/")
