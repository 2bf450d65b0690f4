"""Remembers what the notifications of a bucket were before `connect` changed them, in a file of this machine.

S3 keeps no earlier configuration. Without the file nobody can tell whether `connect` switched EventBridge on,
or whether it was on before and others rely on it.
"""

import json
from pathlib import Path
from typing import Any

from local.errors import BadInput

FOLDER = Path(__file__).parents[1] / ".connected"


def write(bucket: str, before: dict[str, Any]) -> None:
    """Keep the configuration that a bucket had `before` it was connected. Raises BadInput if the file cannot
    be written."""
    try:
        FOLDER.mkdir(exist_ok=True)
        _path(bucket).write_text(json.dumps(before, indent=2) + "\n")
    except OSError as error:
        raise BadInput(
            f"Bucket {bucket} is connected, but --undo will refuse, because {_path(bucket)} cannot be "
            f"written: {error}"
        ) from error


def read(bucket: str) -> dict[str, Any] | None:
    """Return the configuration of a bucket from before it was connected; None if this machine did not connect
    it. Raises BadInput if the file cannot be read."""
    try:
        kept: dict[str, Any] = json.loads(_path(bucket).read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BadInput(f"{_path(bucket)} cannot be read: {error}") from error
    return kept


def forget(bucket: str) -> None:
    """Delete the record of a bucket, if there is one."""
    _path(bucket).unlink(missing_ok=True)


def _path(bucket: str) -> Path:
    return FOLDER / f"{bucket}.json"
