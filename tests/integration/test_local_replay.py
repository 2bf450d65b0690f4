"""Event files that `python -m local replay` cannot use: one line, exit status 2, and no stack starts."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local import __main__ as command
from local.errors import BadInput
from local.replay.event import Event
from local.workspace import PROJECT
from purging.changes import UrlChange
from purging.settings import Settings

SETTINGS = Settings.from_env(
    {"URL_MAP": "*=http://127.0.0.1:1/demo", "LEDGER_TABLE": "ledger", "IMAGEKIT_SECRET_ARN": "arn"}
)
NOW = datetime(2030, 5, 15, 12, tzinfo=UTC).timestamp()


def _file(folder: Path, text: str) -> Path:
    path = folder / "event.json"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not JSON"),
        ('{"Records": [', "is not JSON"),
        ("[1]", "holds no JSON object"),
        ('{"x": 1}', "is not understood: no S3, SQS, SNS or EventBridge event"),
        ('{"Records": [{"eventSource": "aws:s3"}]}', "is not understood: eventName must be a text"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(
    tmp_path: Path,
    text: str,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It prints one line on standard error, and exits with 2 at once."""
    monkeypatch.setattr("local.interruption.listen", lambda: None)
    monkeypatch.setattr("local.session.session", None)
    path = _file(tmp_path, text)
    monkeypatch.setattr("sys.argv", ["local", "replay", str(path)])
    assert command.main() == 2
    shown = capsys.readouterr()
    (line,) = shown.err.splitlines()
    assert line.startswith(f"{path} {says}")
    assert "events/" in line or "must be" in line
    assert shown.out == ""


@pytest.mark.parametrize(("path", "says"), [("no/such.json", "No such file"), (".", "Is a directory")])
def test_a_path_that_is_no_file_is_bad_input(path: str, says: str) -> None:
    """The message says where events are."""
    with pytest.raises(BadInput, match=rf"{says}.*events/README\.md"):
        Event.read(Path(path))


def test_a_file_that_is_no_text_is_bad_input(tmp_path: Path) -> None:
    """For example an image."""
    path = tmp_path / "a.json"
    path.write_bytes(b"\xff\xd8\xff")
    with pytest.raises(BadInput, match="is not UTF-8"):
        Event.read(path)


@pytest.mark.parametrize("path", sorted((PROJECT / "events").rglob("*.json")), ids=lambda path: path.name)
def test_every_file_of_events_can_be_replayed(path: Path) -> None:
    """Each file can be read, and an embedded stack serves what it changes."""
    event = Event.read(path).on_stack("http://127.0.0.1:1/demo")
    changes = event.changes(SETTINGS, NOW)
    nothing = (
        path.name in ("test-event.json", "tick.json", "status.json", "explain.json")
        or "old-version" in path.name
    )
    assert bool(changes) != nothing
    assert len(event.poison_reasons()) == (path.name == "batch-with-poison.json")


def test_a_malformed_question_is_refused_before_it_is_delivered(tmp_path: Path) -> None:
    """With the words of the deployed function."""
    with pytest.raises(BadInput, match=r'is not understood: .*write \{"explain": "bucket/key"\}'):
        Event.read(_file(tmp_path, json.dumps({"explain": "a.jpg"})))


def test_urls_of_imagekit_are_moved_and_others_are_not(tmp_path: Path) -> None:
    """A manual purge of another host is refused, as the deployed function would."""
    urls = ["https://ik.imagekit.io/any/a/b.jpg?tr=w-1", "https://elsewhere.example/a/b.jpg"]
    event = Event.read(_file(tmp_path, json.dumps({"urls": urls}))).on_stack("http://127.0.0.1:1/demo")
    assert event.body["urls"] == ["http://127.0.0.1:1/demo/a/b.jpg?tr=w-1", urls[1]]
    with pytest.raises(BadInput, match=r"cannot be served: .*elsewhere\.example"):
        event.changes(SETTINGS, NOW)


def test_a_manual_purge_is_understood_as_asked(tmp_path: Path) -> None:
    """The URL does not change."""
    body: dict[str, Any] = {"urls": ["http://127.0.0.1:1/demo/a/*b.jpg".replace("*", "%2A")]}
    (change,) = Event.read(_file(tmp_path, json.dumps(body))).changes(SETTINGS, NOW)
    assert isinstance(change, UrlChange)
    assert change.url == body["urls"][0]
