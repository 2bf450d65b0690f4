"""Writes docs/settings.md from the parameters of the templates, for `make docs`. A test finds an old page."""

import re
from typing import Any

from local.template import load
from local.workspace import PROJECT

PAGE = PROJECT / "docs" / "settings.md"

_HEAD = """\
<!-- `make docs` writes this page from template.yaml. Change a description there. -->

# Settings

Each setting is a parameter of the template. `sam deploy --guided` asks for all of them, and only `UrlMap` has
no default. A parameter that a later deployment does not give keeps its value. Before it deploys anything,
CloudFormation refuses a value that the column *takes* does not allow. [URL forms](url-forms.md) says which
URLs of an object are purged.
"""
_FORWARDER = """\
## Settings of a forwarder

These are the parameters of `forwarding/template.yaml`, which is for [buckets of other regions and
accounts](forwarding.md).
"""


def page() -> str:
    """The text of the page."""
    stack = _groups(load(), level="##")
    forwarder = _groups(load("forwarding/template.yaml"), level="###")
    return f"{_HEAD}\n{stack}\n{_FORWARDER}\n{forwarder}"


def _groups(template: Any, *, level: str) -> str:
    """A table for each group of the deploy form."""
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    return "\n".join(
        f"{level} {group['Label']['default']}\n\n{_table(template['Parameters'], group['Parameters'])}\n"
        for group in groups
    )


def _table(parameters: dict[str, Any], names: list[str]) -> str:
    rows = [
        f"| `{name}` | {_default(parameters[name])} | {_marked(parameters[name]['Description'])} "
        f"| {_takes(parameters[name])} |"
        for name in names
    ]
    return "\n".join(["| parameter | default | meaning | takes |", "|---|---|---|---|", *rows])


def _default(parameter: dict[str, Any]) -> str:
    default = parameter.get("Default")
    if default is None:
        return "required"
    return "empty" if default == "" else _marked(str(default))


def _takes(parameter: dict[str, Any]) -> str:
    """What CloudFormation accepts: one of a list, a range, or what the constraint says of the pattern."""
    if "AllowedValues" in parameter:
        return ", ".join(str(value) for value in parameter["AllowedValues"])
    if "MinValue" in parameter:
        return f"{parameter['MinValue']:,} to {parameter['MaxValue']:,}"
    return _marked(parameter["ConstraintDescription"].removeprefix("must be "))


def _marked(text: str) -> str:
    """A text of the template as Markdown: nothing in it is a mark, and documents are links."""
    escaped = re.sub(r"([*|<>\[\]`])", r"\\\1", text)
    return re.sub(r"docs/([\w-]+\.md)", r"[docs/\1](\1)", escaped)


if __name__ == "__main__":
    PAGE.write_text(page())
