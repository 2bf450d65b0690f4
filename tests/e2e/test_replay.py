"""`python -m local replay` on a running stack: its output and its exit status."""

import io
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from local.replay.delivery import Replay
from local.replay.event import Event
from local.stack import Stack
from local.workspace import PROJECT
from tests.e2e.polling import DEADLINE_SECONDS
from tests.e2e.stack_control import emulator_settings, reset_stack

EVENTS = PROJECT / "events"


@pytest.fixture(autouse=True)
def quick(stack: Stack) -> Iterator[None]:
    """Purges complete within a second, and no other change is held."""
    reset_stack(stack)
    with emulator_settings(stack, delay=0.2):
        yield


def _replay(stack: Stack, path: Path) -> tuple[int, str]:
    shown = io.StringIO()
    status = Replay(stack, Console(file=shown, width=120)).run(Event.read(path), DEADLINE_SECONDS)
    return status, shown.getvalue()


def _copy_for_new_objects(name: str, folder: Path) -> Path:
    """Returns a copy of an event file, for objects that no other test uses."""
    text = (EVENTS / name).read_text()
    for prefix in ("products/", "gallery/"):
        text = text.replace(prefix, f"{uuid.uuid4()}/")
    path = folder / "event.json"
    path.write_text(text)
    return path


def test_a_change_is_tracked_and_a_second_replay_is_covered(stack: Stack, tmp_path: Path) -> None:
    """It shows URL, purge, execution and final status. A second replay names the purge that covers it."""
    path = _copy_for_new_objects("s3/put.json", tmp_path)
    status, shown = _replay(stack, path)
    assert status == 0
    assert f"  {stack.url_endpoint}/" in shown
    assert " accepted; Completed after " in shown
    assert "Execution arn:" in shown
    assert ": SUCCEEDED" in shown
    assert "1 purge Completed." in shown
    request_id = shown.partition("purge ")[2].partition(" ")[0]
    again, shown = _replay(stack, path)
    assert again == 0
    assert f"already covered by purge {request_id}, accepted at " in shown
    assert "No purge was needed." in shown


def test_a_poison_message_is_named_and_fails_the_replay(stack: Stack, tmp_path: Path) -> None:
    """Nine of ten messages are purged, and the exit status says that one is not."""
    path = _copy_for_new_objects("sqs/batch-with-poison.json", tmp_path)
    poison = json.loads(path.read_text())["Records"][6]["messageId"]
    status, shown = _replay(stack, path)
    assert status == 1
    assert shown.count("; Completed after ") == 9
    assert f"Poison: message {poison} is not understood: a message body is not JSON" in shown
    assert "delivers a message 20 times, then moves it to the dead letters" in shown
    assert "not understood: 1 message." in shown


def test_a_manual_purge_of_urls_is_moved_to_the_stack(stack: Stack) -> None:
    """It replaces ImageKit's URL-endpoint in the file by the emulator's, and says so.

    A second replay within 5 minutes is a repetition: the same purges serve it.
    """
    status, shown = _replay(stack, EVENTS / "manual" / "urls.json")
    assert status == 0
    assert f"Here {stack.url_endpoint} stands for the event's URL-endpoint at ImageKit." in shown
    assert f"  {stack.url_endpoint}/campaigns/spring-2026/*\n" in shown
    assert "4 purges Completed." in shown
    again, shown = _replay(stack, EVENTS / "manual" / "urls.json")
    assert again == 0
    assert '"token": "any text"' in shown
    assert shown.count("already covered by purge ") == 4
    assert "No purge was needed." in shown


def test_a_held_change_is_shown_with_its_reason(stack: Stack, tmp_path: Path) -> None:
    """Without quota nothing is purged, and the replay does not wait for the next month."""
    path = _copy_for_new_objects("s3/put.json", tmp_path)
    with emulator_settings(stack, quota=0):
        status, shown = _replay(stack, path)
    assert status == 1
    assert "held: it waits for a purge" in shown
    assert "1 change is held (quota): the next tick tries again." in shown
    reset_stack(stack)  # a drain that began without quota may still run, and would report it
    again, _ = _replay(stack, path)
    assert again == 0


@pytest.mark.parametrize(("name", "field"), [("status", '"quota"'), ("explain", '"why"')])
def test_a_question_is_answered(stack: Stack, name: str, field: str) -> None:
    """The answer is shown as it is, and no purge is followed."""
    status, shown = _replay(stack, EVENTS / "manual" / f"{name}.json")
    assert status == 0
    assert field in shown
    assert "purge Completed" not in shown
