"""`python -m ops status | explain | watch` on the embedded stack, as a person runs them."""

import json
import os
import signal
import subprocess
import sys
import uuid

import pytest

from local import environment
from local.stack import Stack
from local.workspace import PROJECT
from tests.e2e.polling import until
from tests.e2e.stack_control import emulator_settings, invoke_submit_purge, reset_stack


@pytest.fixture(autouse=True)
def quick(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """No change of another test is pending, and the commands find the emulated AWS."""
    reset_stack(stack)
    for name, value in environment.aws(stack.endpoint, stack.certificate).items():
        monkeypatch.setenv(name, value)


def _ops(stack: Stack, *words: str) -> str:
    done = subprocess.run(  # noqa: S603 - this interpreter, and words of this file
        [sys.executable, "-m", "ops", *words, "--stack-name", stack.name],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_an_object_is_explained_from_its_change_to_its_purge(stack: Stack) -> None:
    """The role may read all that the answers need. Without quota the change is held; then it is purged."""
    key = f"ask/{uuid.uuid4()} é.jpg"
    with emulator_settings(stack, quota=0):
        for body in (b"1", b"2"):
            stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=body)
        until(
            lambda: json.loads(_ops(stack, "explain", f"{stack.bucket}/{key}", "--json")),
            "a change that is held by the quota",
            lambda answer: [each["reason"] for each in answer["held"]] == ["quota"],
        )
        assert "quota: ImageKit's monthly purge quota is used up" in _ops(stack, "status")
    reset_stack(stack)
    with emulator_settings(stack, delay=0.2):
        answer = until(
            lambda: json.loads(_ops(stack, "explain", f"{stack.bucket}/{key}", "--json")),
            "a Completed purge",
            lambda answer: (answer["urls"][0]["last_purge"] or {}).get("state") == "Completed",
        )
    assert answer["urls"][0]["url"] == stack.url(key)
    assert (answer["pending"], answer["held"]) == ([], [])
    assert "Browsers keep an image for up to a year" in answer["why"]
    assert json.loads(_ops(stack, "status", "--json"))["purges"]["completed_last_day"] >= 1


def test_a_watch_ends_with_ctrl_c(stack: Stack) -> None:
    """It shows one answer after another. Ctrl-C is its ordinary end: exit status 0, and no traceback."""
    words = ["watch", "--every", "1", "--json", "--stack-name", stack.name]
    with subprocess.Popen(  # noqa: S603 - this interpreter, and words of this file
        [sys.executable, "-m", "ops", *words],
        cwd=PROJECT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        times = [json.loads(process.stdout.readline())["at"] for _ in range(2)]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert times == sorted(times)
    assert (process.returncode, errors) == (0, "")


def test_a_malformed_question_fails_with_its_reason(stack: Stack) -> None:
    """As a malformed manual purge does."""
    with pytest.raises(AssertionError, match="names no bucket and key"):
        invoke_submit_purge(stack, {"explain": "no-slash"})
