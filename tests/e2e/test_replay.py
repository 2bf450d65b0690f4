"""`python -m local replay` on a running stack: what it shows, and its exit status."""

import io
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from local.replay.event import Event
from local.replay.play import Replay
from local.stack import Stack
from local.workspace import PROJECT
from tests.e2e.polling import DEADLINE_SECONDS
from tests.e2e.stack_control import emulator_settings, reset_stack

EVENTS = PROJECT / "events"


@pytest.fixture(autouse=True)
def quick(stack: Stack) -> Iterator[None]:
    """Purges complete at once, so that to follow them takes a second; and no other change is held."""
    reset_stack(stack)
    with emulator_settings(stack, delay=0.2):
        yield


def _replayed(stack: Stack, path: Path) -> tuple[int, str]:
    shown = io.StringIO()
    status = Replay(stack, Console(file=shown, width=120)).run(Event.read(path), DEADLINE_SECONDS)
    return status, shown.getvalue()


def _fresh(name: str, folder: Path) -> Path:
    """A copy of an event file, of objects that no other test has."""
    text = (EVENTS / name).read_text()
    for prefix in ("products/", "gallery/"):
        text = text.replace(prefix, f"{uuid.uuid4()}/")
    path = folder / "event.json"
    path.write_text(text)
    return path


def test_a_change_is_followed_to_its_end_then_found_covered(stack: Stack, tmp_path: Path) -> None:
    """URL, purge, execution, final status; replayed again, the same purge covers it, and it says which."""
    path = _fresh("s3/put.json", tmp_path)
    status, shown = _replayed(stack, path)
    assert status == 0
    assert f"  {stack.url_endpoint}/" in shown
    assert " accepted; Completed after " in shown
    assert "Execution arn:" in shown
    assert ": SUCCEEDED" in shown
    assert "1 purge Completed." in shown
    request_id = shown.partition("purge ")[2].partition(" ")[0]
    again, shown = _replayed(stack, path)
    assert again == 0
    assert f"already covered by purge {request_id}, accepted at " in shown
    assert "No purge was needed." in shown


def test_a_poison_message_is_named_and_fails_the_replay(stack: Stack, tmp_path: Path) -> None:
    """Nine of ten are purged, and the exit status says that something of the file is not."""
    path = _fresh("sqs/batch-with-poison.json", tmp_path)
    poison = json.loads(path.read_text())["Records"][6]["messageId"]
    status, shown = _replayed(stack, path)
    assert status == 1
    assert shown.count("; Completed after ") == 9
    assert f"Poison: message {poison} is not understood: a message body is not JSON" in shown
    assert "delivers a message 20 times, then moves it to the dead letters" in shown
    assert "not understood: 1 message." in shown


def test_a_manual_purge_of_urls_is_moved_to_the_stack(stack: Stack) -> None:
    """The file names ImageKit's URL-endpoint; here the emulated one stands for it, and it says so. Asked once
    more within 5 minutes, the same purges serve it."""
    status, shown = _replayed(stack, EVENTS / "manual" / "urls.json")
    assert status == 0
    assert f"Here {stack.url_endpoint} stands for the event's URL-endpoint at ImageKit." in shown
    assert f"  {stack.url_endpoint}/campaigns/spring-2026/*\n" in shown
    assert "4 purges Completed." in shown
    again, shown = _replayed(stack, EVENTS / "manual" / "urls.json")
    assert again == 0
    assert '"token": "any text"' in shown
    assert shown.count("already covered by purge ") == 4
    assert "No purge was needed." in shown


def test_what_is_held_is_told_with_its_reason(stack: Stack, tmp_path: Path) -> None:
    """Without quota nothing is purged: it does not wait for the month to turn."""
    path = _fresh("s3/put.json", tmp_path)
    with emulator_settings(stack, quota=0):
        status, shown = _replayed(stack, path)
    assert status == 1
    assert "held: it waits for a purge" in shown
    assert "1 change is held (quota): the next tick tries again." in shown
    reset_stack(stack)  # a drain that began without quota may still be at it, and would tell of none
    again, _ = _replayed(stack, path)
    assert again == 0
