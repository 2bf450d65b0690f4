"""An event file, read as the functions read events."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.domain import Change, PermanentError, Settings, asked, changes, is_manual, is_question, manual
from local.errors import BadInput

_IMAGEKIT = "https://ik.imagekit.io/"


@dataclass(frozen=True, slots=True)
class Event:
    """The event in a file. `is_batch`: it is a batch of queue messages, and each of them can fail alone."""

    path: Path
    body: dict[str, Any]
    is_batch: bool

    @classmethod
    def read(cls, path: Path) -> "Event":
        """Read a file. Raises BadInput if the functions cannot understand the event."""
        try:
            return cls.parse(path, path.read_bytes())
        except OSError as error:
            raise _bad_input(
                path, f"cannot be read ({error.strerror}): see events/README.md for files"
            ) from error

    @classmethod
    def parse(cls, path: Path, content: bytes) -> "Event":
        """Read the content of a file. Raises BadInput if the functions cannot understand the event."""
        try:
            body = json.loads(content.decode())
        except UnicodeDecodeError as error:
            raise _bad_input(path, "is not UTF-8: save it as UTF-8") from error
        except (ValueError, RecursionError) as error:
            raise _bad_input(path, f"is not JSON ({error}): see events/README.md for examples") from error
        if not isinstance(body, dict):
            raise _bad_input(path, "holds no JSON object: see events/README.md for examples")
        event = cls(path, body, _is_batch(body))
        if event.is_question:
            try:
                asked(body)
            except PermanentError as error:
                raise _bad_input(path, f"is not understood: {error}") from error
        elif not event.is_batch and not is_manual(body):
            _, problems = changes.split(body)
            if problems:
                raise _bad_input(path, f"is not understood: {problems[0]}")
        return event

    @property
    def is_question(self) -> bool:
        """Whether it asks a question, which changes nothing."""
        return is_question(self.body)

    def on_stack(self, url_endpoint: str) -> "Event":
        """Returns the event for an embedded stack, whose URL-endpoint replaces that of ImageKit.

        Only a manual purge names URLs. All other events name objects and do not change.
        """
        urls = self.body.get("urls")
        if not isinstance(urls, list):
            return self
        urls_here = [_with_url_endpoint(url, url_endpoint) if isinstance(url, str) else url for url in urls]
        return Event(self.path, {**self.body, "urls": urls_here}, self.is_batch)

    def changes(self, settings: Settings, now: float) -> list[Change]:
        """Returns the changes that it reports, or that a manual purge requests at `now` (unix seconds).

        Raises BadInput if it requests a purge that the deployed settings refuse.
        """
        if is_manual(self.body):
            try:
                return manual.requested(self.body, settings.url_map, now)
            except PermanentError as error:
                raise _bad_input(self.path, f"cannot be served: {error}") from error
        reported, _ = changes.split(self.body)
        return list(reported)

    def poison_reasons(self) -> dict[str, str]:
        """Returns why messages of a batch are not understood, by message id."""
        reasons = {}
        for record in self.body["Records"] if self.is_batch else []:
            _, problems = changes.split({"Records": [record]})
            if problems:
                reasons[str(record.get("messageId"))] = "; ".join(map(str, problems))
        return reasons


def _is_batch(body: dict[str, Any]) -> bool:
    records = body.get("Records")
    return (
        isinstance(records, list)
        and bool(records)
        and all(isinstance(record, dict) and record.get("eventSource") == "aws:sqs" for record in records)
    )


def _with_url_endpoint(url: str, url_endpoint: str) -> str:
    if not url.startswith(_IMAGEKIT):
        return url
    return f"{url_endpoint}/{url.removeprefix(_IMAGEKIT).partition('/')[2]}"


def _bad_input(path: Path, problem: str) -> BadInput:
    return BadInput(f"{path} {problem}")
