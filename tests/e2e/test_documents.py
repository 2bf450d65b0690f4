"""The SAM CLI runs the commands of README.md on the emulated AWS."""

import shutil
import subprocess
from pathlib import Path

import pytest

from local import environment, sam
from local.stack import Stack
from local.workspace import PROJECT, SHARED
from tests.documents import Command, commands
from tests.e2e.polling import until
from tests.unit.cloudformation import load

STACK_NAME = "imagekit-s3-purge"
GUIDED = [command for command in commands("sam", "deploy", "--guided") if command.document == "README.md"]


def _run(stack: Stack, *words: str, folder: Path = PROJECT, answers: str = "") -> str:
    env = environment.bare(stack.workspace.scratch) | environment.sam()
    env |= environment.aws(stack.endpoint, stack.certificate)
    done = subprocess.run(  # noqa: S603 - the document's own words
        [environment.tool("sam"), *words],
        env=env,
        cwd=folder,
        input=answers,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("command", commands("sam", "remote", "invoke"), ids=str)
def test_a_printed_remote_invocation_works(stack: Stack, command: Command) -> None:
    """It invokes the function with the event. The example's URLs are refused, as not of this stack."""
    words = [stack.name if word == STACK_NAME else word for word in command.words[1:]]
    printed = _run(stack, *words)
    refused = command.option("--event-file") == "events/manual/urls.json"
    assert ("lies under none of the endpoints of UrlMap" if refused else "held") in printed


def test_the_printed_logs_command_works(stack: Stack) -> None:
    """It works without `--tail`, which would never end."""
    [command] = commands("sam", "logs")
    words = [stack.name if word == STACK_NAME else word for word in command.words[1:] if word != "--tail"]
    until(lambda: "SubmitPurge" in _run(stack, *words), "a line of the function's log")


@pytest.mark.parametrize("command", GUIDED, ids=str)
def test_a_guided_deployment_asks_for_what_it_needs_and_keeps_it(
    stack: Stack, command: Command, tmp_path: Path
) -> None:
    """One parameter is answered, the others keep their defaults. A second deployment asks nothing."""
    folder = tmp_path / "project"
    with sam.building():
        shutil.copytree(SHARED / "sam" / "build", folder / ".aws-sam" / "build")
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(PROJECT / name, folder)
    # The built template names other files by paths relative to .local/sam/build.
    shutil.copytree(PROJECT / "statemachine", tmp_path / "statemachine")
    for name in ("LICENSE", "README.md"):
        shutil.copy(PROJECT / name, tmp_path)
    parameters = load()["Parameters"]
    values = {"UrlMap": f"*={stack.url_endpoint}", "ImageKitApiUrl": stack.imagekit}
    asked = [values.get(name, "") for name in parameters]
    # First: stack, region. Last: show changes? create roles? disable rollback? save? file? environment?
    answers = ["", environment.REGION, *asked, "n", "y", "n", "y", "", ""]
    printed = _run(stack, *command.words[1:], folder=folder, answers="\n".join(answers) + "\n")
    assert "Successfully created" in printed
    again = [word for word in command.words[1:] if word != "--guided"]
    assert "No changes to deploy" in _run(stack, *again, folder=folder)
    environment_name = command.option("--config-env")
    name = "-".join(filter(None, (STACK_NAME, environment_name)))
    stack.cloudformation.delete_stack(StackName=name)
