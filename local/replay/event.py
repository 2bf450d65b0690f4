"""An event file, understood as the functions understand it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.domain import Change, PermanentError, Settings, changes, manual
from local.errors import BadInput

_IMAGEKIT = "https://ik.imagekit.io/"


@dataclass(frozen=True, slots=True)
class Event:
    """What a file holds. `is_batch`: messages of the queue, of which each may fail alone."""

    path: Path
    body: dict[str, Any]
    is_batch: bool

    @classmethod
    def read(cls, path: Path) -> "Event":
        """Read a file. Raises BadInput unless the functions can understand it, or a message of it."""
        try:
            body = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise _bad(path, f"cannot be read ({error.strerror}): see events/README.md for files") from error
        except UnicodeDecodeError as error:
            raise _bad(path, "is not UTF-8: save it as UTF-8") from error
        except (ValueError, RecursionError) as error:
            raise _bad(path, f"is not JSON ({error}): see events/README.md for examples") from error
        if not isinstance(body, dict):
            raise _bad(path, "holds no JSON object: see events/README.md for examples")
        event = cls(path, body, _is_batch(body))
        if not event.is_batch and not manual.is_manual(body):
            _, problems = changes.split(body)
            if problems:
                raise _bad(path, f"is not understood: {problems[0]}")
        return event

    def on_stack(self, url_endpoint: str) -> "Event":
        """As it is meant on an embedded stack, where another URL-endpoint stands for ImageKit's.

        Only a manual purge names URLs; everything else names objects, and stays as it is.
        """
        urls = self.body.get("urls")
        if not isinstance(urls, list):
            return self
        moved = [_moved(url, url_endpoint) if isinstance(url, str) else url for url in urls]
        return Event(self.path, {**self.body, "urls": moved}, self.is_batch)

    def changes(self, settings: Settings, now: float) -> list[Change]:
        """What it says changed, or asks for `now` (unix seconds).

        Raises BadInput if it asks for a purge that the deployed settings refuse.
        """
        if manual.is_manual(self.body):
            try:
                return manual.requested(self.body, settings.url_map, now)
            except PermanentError as error:
                raise _bad(self.path, f"cannot be served: {error}") from error
        found, _ = changes.split(self.body)
        return list(found)

    def poison_reasons(self) -> dict[str, str]:
        """Why messages of a batch are not understood, by message id."""
        found = {}
        for record in self.body["Records"] if self.is_batch else []:
            _, problems = changes.split({"Records": [record]})
            if problems:
                found[str(record.get("messageId"))] = "; ".join(map(str, problems))
        return found


def _is_batch(body: dict[str, Any]) -> bool:
    records = body.get("Records")
    return (
        isinstance(records, list)
        and bool(records)
        and all(isinstance(record, dict) and record.get("eventSource") == "aws:sqs" for record in records)
    )


def _moved(url: str, url_endpoint: str) -> str:
    if not url.startswith(_IMAGEKIT):
        return url
    return f"{url_endpoint}/{url.removeprefix(_IMAGEKIT).partition('/')[2]}"


def _bad(path: Path, what: str) -> BadInput:
    return BadInput(f"{path} {what}")
