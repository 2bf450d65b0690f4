"""docs/settings.md says what the templates say."""

import re

import pytest

from local.settings_page import PAGE, page
from tests.unit.cloudformation import load


def test_the_page_is_what_the_templates_say() -> None:
    """`make docs` writes it anew after a change of a parameter."""
    assert PAGE.read_text() == page()


@pytest.mark.parametrize("template", ["template.yaml", "forwarding/template.yaml"])
def test_every_parameter_has_a_row_with_its_default(template: str) -> None:
    """With all groups of the deploy form, and no bar that would end a cell too early."""
    parameters = load(template)["Parameters"]
    section = page().partition("## Settings of a forwarder")[0 if template == "template.yaml" else 2]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    assert {len(row) for row in cells} == {4}
    assert {row[0].strip("`"): row[1] for row in cells} == {
        name: str(parameter.get("Default", "required")) or "empty" for name, parameter in parameters.items()
    }
    for group in load(template)["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]:
        assert f"## {group['Label']['default']}\n" in page()
