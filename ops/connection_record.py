"""Remembers what the notifications of a bucket were before `connect` changed them, in a file of this machine.

S3 keeps no earlier configuration. Without the file nobody can tell whether `connect` switched EventBridge on,
or whether it was on before and others rely on it. Another account, another region or an emulator may have a
bucket of the same name, so a record holds for one place only.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from local.errors import BadInput

FOLDER = Path(__file__).parents[1] / ".connected"


class Place(NamedTuple):
    """Where a bucket is: the `account` of the credentials, the `region`, and the URL of the `endpoint` of
    S3."""

    account: str
    region: str
    endpoint: str

    def __str__(self) -> str:
        return f"account {self.account}, region {self.region}, endpoint {self.endpoint}"


def write(bucket: str, place: Place, before: dict[str, Any]) -> None:
    """Keep the configuration that a bucket had `before` it was connected. Raises BadInput if the file cannot
    be written."""
    path = _path(bucket, place)
    record = {**place._asdict(), "before": before}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, indent=2) + "\n")
    except OSError as error:
        raise BadInput(
            f"Bucket {bucket} is connected, but --undo will refuse, because {path} cannot be written: {error}"
        ) from error


def read(bucket: str, place: Place) -> dict[str, Any] | None:
    """Return the configuration of a bucket from before it was connected; None if this machine did not connect
    it. Raises BadInput if it was connected in another place, and if there is a file that is no record."""
    path = _path(bucket, place)
    try:
        recorded, before = _record(path)
    except FileNotFoundError:
        _refuse_others(bucket, place)
        return None
    if recorded != place:
        raise BadInput(_elsewhere(bucket, path, recorded, place))
    return before


def forget(bucket: str, place: Place) -> None:
    """Delete the record of a bucket, if there is one."""
    _path(bucket, place).unlink(missing_ok=True)


def _path(bucket: str, place: Place) -> Path:
    return FOLDER / place.account / place.region / f"{bucket}.json"


def _refuse_others(bucket: str, place: Place) -> None:
    """Raises BadInput if there is a record of a bucket of this name, but not of this place."""
    name = f"{bucket}.json"
    for path in sorted(FOLDER.glob(f"*/*/{name}")):
        raise BadInput(_elsewhere(bucket, path, _record(path)[0], place))
    if (FOLDER / name).exists():
        raise BadInput(
            f"{FOLDER / name} was written by an earlier version of connect, which did not note the account "
            f"and the region, so nothing was changed. If it is of this bucket, in {place}, switch "
            "EventBridge off by hand (console, bucket, Properties, Amazon EventBridge, Off), and delete the "
            "file."
        )


def _record(path: Path) -> tuple[Place, dict[str, Any]]:
    """The place and the configuration of a record. Raises FileNotFoundError without a file, and BadInput if
    it cannot be read, or is no record."""
    try:
        record = json.loads(path.read_text())
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
    names = {*Place._fields, "before"}
    if (
        not isinstance(record, dict)
        or set(record) != names
        or not isinstance(record["before"], dict)
        or not all(isinstance(record[name], str) for name in Place._fields)
    ):
        raise BadInput(
            f"{path} is no record of connect, so nothing was changed: it has to be an object with "
            f"{', '.join(sorted(names))}"
        )
    return Place(*(record[name] for name in Place._fields)), record["before"]


def _elsewhere(bucket: str, path: Path, recorded: Place, place: Place) -> str:
    return (
        f"Bucket {bucket}: connect switched EventBridge on in {recorded}, as {path} says. Your credentials "
        f"and settings lead to {place}, so nothing was changed. Name the right ones with --profile and "
        "--region."
    )
