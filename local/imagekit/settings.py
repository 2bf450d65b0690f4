"""Settings that can be given at start-up and changed while the emulator runs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

_MOST = 10**9  # the largest value of any setting; about 30 years of seconds


class BadSetting(ValueError):
    """A setting that is unknown or has an impossible value.

    The text starts with the setting's JSON name if the setting is known. It names the value and the remedy.
    """


@dataclass(frozen=True, slots=True)
class Settings:
    """The constructor raises BadSetting for impossible values.

    - ``private_key``: the key that may do everything; printable ASCII without ``:``
    - ``restricted_key``: a key that may only purge and ask for the status, as one with only "Media access" at
      ImageKit (https://imagekit.io/docs/api-keys); empty: there is none
    - ``quota``: purges in a calendar month, UTC. ImageKit documents 1000: https://imagekit.io/docs/cache-purge
    - ``quota_answer``: status of a purge over the quota, 429 or 403; ``quota_headers``: whether that answer
      has rate limit headers, of the month. Both are guesses, see refusals.over_quota
    - ``delay``: seconds from acceptance to Completed. ImageKit documents "a few minutes"
    - ``write_rate``: purges a second; ``write_burst``: purges at once; ``read_*``: the same for status calls.
      The defaults do not come from ImageKit's documentation
    """

    private_key: str
    quota: int = 1000
    quota_answer: int = 429
    quota_headers: bool = True
    delay: float = 3.0
    write_rate: float = 5.0
    write_burst: int = 20
    read_rate: float = 40.0
    read_burst: int = 100
    restricted_key: str = ""

    def __post_init__(self) -> None:
        """Raises BadSetting for impossible values."""
        # The texts do not show the value: a log may get it.
        if not _is_key(self.private_key) or not self.private_key:
            raise BadSetting("privateKey must be printable ASCII without a colon, and not empty")
        if not _is_key(self.restricted_key) or self.restricted_key == self.private_key:
            raise BadSetting("restrictedKey must be printable ASCII without a colon, and not the privateKey")
        _check("quota", self.quota, whole=True, least=0)
        _check("delay", self.delay, whole=False, least=0)
        _check("writeBurst", self.write_burst, whole=True, least=1)
        _check("readBurst", self.read_burst, whole=True, least=1)
        # With a rate of 0, X-RateLimit-Reset would be infinite.
        _check("writeRate", self.write_rate, whole=False, least=0.001)
        _check("readRate", self.read_rate, whole=False, least=0.001)
        if self.quota_answer not in (429, 403):
            raise BadSetting(f"quotaAnswer is {self.quota_answer!r}; give 429 or 403")
        if not isinstance(self.quota_headers, bool):
            raise BadSetting(f"quotaHeaders is {self.quota_headers!r}; give true or false")

    def changed(self, changes: Mapping[str, object]) -> "Settings":
        """Returns a copy with ``changes``, by their JSON names (``writeRate``). Raises BadSetting."""
        fields = {}
        for name, value in changes.items():
            if name not in _FIELDS:
                raise BadSetting(f"unknown setting {name!r}; known are {', '.join(_FIELDS)}")
            fields[_FIELDS[name]] = value
        # The values may have any type here; __post_init__ checks them.
        return replace(self, **fields)  # type: ignore[arg-type]

    def public(self) -> dict[str, object]:
        """Returns all settings except the keys, by their JSON names."""
        return {name: getattr(self, field) for name, field in _FIELDS.items() if name not in _SECRET}


_SECRET = frozenset({"privateKey", "restrictedKey"})
_FIELDS = {
    "privateKey": "private_key",
    "quota": "quota",
    "quotaAnswer": "quota_answer",
    "quotaHeaders": "quota_headers",
    "delay": "delay",
    "writeRate": "write_rate",
    "writeBurst": "write_burst",
    "readRate": "read_rate",
    "readBurst": "read_burst",
    "restrictedKey": "restricted_key",
}


def _is_key(value: object) -> bool:
    """Whether HTTP Basic can carry it as a user name."""
    return isinstance(value, str) and ":" not in value and value.isascii() and value.isprintable()


def _check(name: str, value: object, *, whole: bool, least: float) -> None:
    wanted = "a whole number" if whole else "a number"
    # In Python a bool is an int, but in JSON `true` is no number.
    if not isinstance(value, int if whole else (int, float)) or isinstance(value, bool):
        raise BadSetting(f"{name} is {value!r}; give {wanted}")
    if not least <= value <= _MOST:  # written so that NaN fails too
        raise BadSetting(f"{name} is {value!r}; give {wanted} from {least:g} to {_MOST}")
