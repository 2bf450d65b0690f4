"""The workflows and the examples do what they say: files, commands and parameters that they name exist."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.cloudformation import PROJECT, load
from tests.unit.test_documents import SAMCONFIG

WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
TERRAFORM = PROJECT / "examples" / "terraform"


def _workflow(name: str) -> Any:
    return yaml.safe_load((PROJECT / ".github" / "workflows" / f"{name}.yml").read_text())


def _steps(workflow: Any) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit(path: Path) -> None:
    """A tag can be moved to other code. The comment says which version it is."""
    uses = re.findall(r"uses: (.+)$", path.read_text(), re.MULTILINE)
    assert uses
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each) for each in uses)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_workflow_may_write_or_mix_text_into_a_script(path: Path) -> None:
    """A script gets what others wrote by its environment: an expression in it would be run as code."""
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"]["contents"] == "read"
    for step in _steps(workflow):
        assert "${{" not in step.get("run", "")
    assert "pull_request_target" not in path.read_text()
    assert "secrets." not in path.read_text()


def test_ci_runs_what_everybody_can_run() -> None:
    """One command, and nothing besides it, on the oldest Python and on that of Lambda."""
    workflow = _workflow("ci")
    assert [step["run"] for step in _steps(workflow) if "run" in step] == ["bash .ci/run"]
    runtime = load()["Globals"]["Function"]["Runtime"].removeprefix("python")
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == ["3.11", runtime]


def test_deploy_gets_its_role_by_oidc() -> None:
    """No credentials are stored. The environments are in samconfig.toml, the parameters in the template."""
    workflow = _workflow("deploy")
    assert workflow["permissions"]["id-token"] == "write"
    [role] = [step["with"] for step in _steps(workflow) if "configure-aws" in step.get("uses", "")]
    assert role.keys() == {"role-to-assume", "aws-region"}
    inputs = workflow[True]["workflow_dispatch"]["inputs"]  # YAML 1.1 reads the key `on` as true
    assert set(inputs["environment"]["options"]) <= SAMCONFIG.keys()
    [deploy] = [step["run"] for step in _steps(workflow) if "sam deploy" in step.get("run", "")]
    words = shlex.split(deploy)
    given = {word.partition("=")[0] for word in words[words.index("--parameter-overrides") + 1 :]}
    assert given <= load()["Parameters"].keys()
    assert {"UrlMap", "Release"} <= given


def test_terraform_gives_what_the_template_needs() -> None:
    """Without a default, a parameter is asked for. The capabilities allow roles and the transform of SAM."""
    main = (TERRAFORM / "main.tf").read_text()
    required = [name for name, each in load()["Parameters"].items() if "Default" not in each]
    assert all(f'contains(keys(var.parameters), "{name}")' in main for name in required)
    assert 'capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]' in main
    example = re.findall(r"```hcl\n(.*?)```", (TERRAFORM / "README.md").read_text(), re.DOTALL)[0]
    parameters = re.findall(r"^     (\w+) +=", example, re.MULTILINE)
    assert set(required) <= set(parameters) <= load()["Parameters"].keys()
    declared = set(re.findall(r'^variable "(\w+)"', main, re.MULTILINE))
    assert set(re.findall(r"^   (\w+) +=", example, re.MULTILINE)) <= declared
    assert set(re.findall(r"var\.(\w+)", main)) == declared


def test_the_template_is_too_long_for_terraform_without_a_bucket() -> None:
    """`template_body` would fail: CloudFormation takes 51,200 bytes there, and a megabyte from a bucket."""
    assert 51_200 < (PROJECT / "template.yaml").stat().st_size < 1_000_000
