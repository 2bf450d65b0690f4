"""What the documents print can be typed: targets, options, files and parameters exist."""

import re
import tomllib
from typing import Any

import pytest

from ops.__main__ import _parser as ops_parser
from tests.documents import DOCUMENTS, Command, commands
from tests.unit.cloudformation import PROJECT, load

SAMCONFIG = tomllib.loads((PROJECT / "samconfig.toml").read_text())
# They describe a stack that is there: a parameter that is not given keeps its value.
ABOUT_A_STACK_THAT_RUNS = ("docs/operations.md", "docs/forwarding.md", "docs/deploy.md")


def _overrides(command: Command) -> dict[str, str]:
    if "--parameter-overrides" not in command.words:
        return {}
    start = command.words.index("--parameter-overrides") + 1
    return dict(word.split("=", 1) for word in command.words[start:] if "=" in word)


def _template(command: Command) -> Any:
    return load(command.option("--template-file") or "template.yaml")


def test_the_commands_are_found() -> None:
    """In blocks and in the text, of every program: otherwise the tests below check nothing."""
    assert commands("sam", "deploy", "--guided")
    assert commands("make", "help")
    assert commands(".venv/bin/python", "-m", "ops")
    assert len(commands()) > 40


@pytest.mark.parametrize("command", commands("sam", "deploy"), ids=str)
def test_a_printed_deployment_gives_every_parameter(command: Command) -> None:
    """By questions, by words, by samconfig.toml, or by the stack that is there."""
    template, given = _template(command), _overrides(command)
    assert given.keys() <= template["Parameters"].keys()
    environment = command.option("--config-env") or "default"
    settings = SAMCONFIG[environment]["deploy"]["parameters"]
    kept = set(re.findall(r"(\w+)=", settings.get("parameter_overrides", "")))
    needed = {name for name, parameter in template["Parameters"].items() if "Default" not in parameter}
    update = command.document in ABOUT_A_STACK_THAT_RUNS and not command.option("--template-file")
    asked = "--guided" in command.words or (command.words == ("sam", "deploy"))  # the bare name, in the text
    assert asked or update or needed <= given.keys() | kept


@pytest.mark.parametrize("command", commands("sam"), ids=str)
def test_sam_runs_nothing_locally(command: Command) -> None:
    """`sam local` knows no stack: it hands the functions the names of parameters and resources as values."""
    assert command.words[1:2] != ("local",)


@pytest.mark.parametrize("command", commands("sam"), ids=str)
def test_files_and_stacks_of_sam_exist(command: Command) -> None:
    """Files lie in this project; a stack has the name that samconfig.toml deploys it under."""
    for option in ("--event-file", "--template-file", "--config-file"):
        assert (PROJECT / command.option(option)).exists()
    if name := command.option("--stack-name"):
        assert name == SAMCONFIG["default"]["global"]["parameters"]["stack_name"]
    if command.words[1:3] == ("remote", "invoke"):
        assert command.words[3] in load()["Resources"]


@pytest.mark.parametrize("environment", [name for name in SAMCONFIG if name != "version"])
def test_every_environment_builds_and_deploys_alike(environment: str) -> None:
    """What `python-uv` and `sam deploy` need stands in each: SAM inherits nothing from another one."""
    assert SAMCONFIG[environment]["build"] == SAMCONFIG["default"]["build"]
    wanted = {"capabilities": "CAPABILITY_IAM", "resolve_s3": True, "fail_on_empty_changeset": False}
    assert wanted.items() <= SAMCONFIG[environment]["deploy"]["parameters"].items()


@pytest.mark.parametrize("command", commands("make"), ids=str)
def test_every_printed_target_exists(command: Command) -> None:
    """And `make help` lists it."""
    targets = set(re.findall(r"^([a-z-]+):.*## ", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    for word in command.words[1:]:
        name, given, value = word.partition("=")
        assert (PROJECT / value).exists() if given else name in targets


@pytest.mark.parametrize("command", commands(".venv/bin/python", "-m", "ops"), ids=str)
def test_python_m_ops_takes_what_is_printed(command: Command) -> None:
    """Its own parser accepts the arguments."""
    assert ops_parser().parse_args(command.words[3:]).run


@pytest.mark.parametrize("command", [*commands(".venv/bin/python", "-m"), *commands("python", "-m")], ids=str)
def test_every_printed_module_is_there(command: Command) -> None:
    """Beside this file, so that `python -m` finds it from the project's folder."""
    path = PROJECT.joinpath(*command.words[2].split("."))
    assert path.with_suffix(".py").exists() or (path / "__main__.py").exists()


def test_the_readme_asks_for_a_sam_cli_that_is_tested() -> None:
    """The version that the tests run is new enough for what the README says, and for `python-uv`."""
    [said] = re.findall(
        r"AWS SAM CLI\]\([^)]*\)\s+(\d+)\.(\d+) or later", (PROJECT / "README.md").read_text()
    )
    pinned = (PROJECT / "requirements" / "sam.txt").read_text()
    [tested] = re.findall(r"^aws-sam-cli==(\d+)\.(\d+)", pinned, re.MULTILINE)
    # 1.156 is the first with the builder (aws/aws-sam-cli#8549).
    assert (1, 156) <= tuple(map(int, said)) <= tuple(map(int, tested))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_files_and_headings(document: str) -> None:
    """A link within the project names a file that exists, and a heading that is in it."""
    text = (PROJECT / document).read_text()
    for target, heading in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", text):
        path = (PROJECT / document).parent / target if target else PROJECT / document
        assert path.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
            assert heading in {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
