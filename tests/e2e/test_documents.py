"""The SAM CLI runs the commands of the documents on the emulated AWS."""

import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from local import environment, sam
from local.stack import Stack
from local.workspace import PROJECT, SHARED
from tests.documents import Command, commands
from tests.e2e.polling import until
from tests.unit.cloudformation import load

STACK_NAME = "imagekit-s3-purge"
DEPLOYS = ("README.md", "docs/deploy.md")
GUIDED = {
    command.words: command for command in commands("sam", "deploy", "--guided") if command.document in DEPLOYS
}


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


def _project(folder: Path) -> None:
    """Copies what `sam build` made, and what it read, with the files that the built template names."""
    with sam.building():
        shutil.copytree(SHARED / "sam" / "build", folder / ".aws-sam" / "build")
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(PROJECT / name, folder)
    # The built template names other files by paths relative to .local/sam/build.
    shutil.copytree(PROJECT / "statemachine", folder.parent / "statemachine")
    for name in ("LICENSE", "README.md"):
        shutil.copy(PROJECT / name, folder.parent)


@pytest.mark.parametrize("command", commands("sam", "package"), ids=str)
def test_a_printed_packaging_writes_what_can_be_published(
    stack: Stack, command: Command, tmp_path: Path
) -> None:
    """The template then names S3 instead of local files, as `sam publish` and Terraform need it."""
    folder = tmp_path / "project"
    _project(folder)
    bucket = f"artifacts-{uuid.uuid4()}"
    stack.s3.create_bucket(Bucket=bucket)
    written = folder / command.option("--output-template-file")
    written.parent.mkdir(parents=True, exist_ok=True)
    words = [bucket if word.isupper() else word for word in command.words[1:]]
    _run(stack, *words, folder=folder)
    packaged = load(str(written))
    published = packaged["Metadata"]["AWS::ServerlessRepo::Application"]
    assert (
        published["SemanticVersion"]
        == load()["Metadata"]["AWS::ServerlessRepo::Application"]["SemanticVersion"]
    )
    functions = [
        packaged["Resources"][name]["Properties"]["CodeUri"] for name in ("SubmitPurge", "CheckPurges")
    ]
    for uri in (published["LicenseUrl"], published["ReadmeUrl"], *functions):
        assert uri.startswith(f"s3://{bucket}/")


@pytest.mark.parametrize("command", GUIDED.values(), ids=str)
def test_a_guided_deployment_asks_for_what_it_needs_and_keeps_it(
    stack: Stack, command: Command, tmp_path: Path
) -> None:
    """One parameter is answered, the others keep their defaults. A second deployment asks nothing."""
    folder = tmp_path / "project"
    _project(folder)
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
