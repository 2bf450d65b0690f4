"""Loads template.yaml as data, and decides its conditions."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).parents[2]

NO_VALUE = {"Ref": "AWS::NoValue"}

STACK = "imagekit-s3-purge"
"""The default name of the stack, from samconfig.toml."""


class _Loader(yaml.SafeLoader):
    """Reads the short forms of CloudFormation's functions as their long forms."""


def _long_form(loader: _Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        value = value.split(".", 1) if tag == "GetAtt" else value
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {tag if tag in {"Ref", "Condition"} else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _long_form)


def load(path: str = "template.yaml") -> Any:
    """A template as CloudFormation sees it before the transform."""
    # This is a subclass of the safe loader, so it makes only data.
    return yaml.load((PROJECT / path).read_text(), _Loader)  # noqa: S506


def under(value: Any, **conditions: bool) -> Any:
    """A part of the template with its `!If`s decided. The result lacks what `AWS::NoValue` leaves out."""
    if isinstance(value, dict):
        if "Fn::If" in value:
            name, so, otherwise = value["Fn::If"]
            return under(so if conditions[name] else otherwise, **conditions)
        decided = {name: under(part, **conditions) for name, part in value.items()}
        return {name: part for name, part in decided.items() if part != NO_VALUE}
    if isinstance(value, list):
        return [part for part in (under(part, **conditions) for part in value) if part != NO_VALUE]
    return value


@cache
def default_environment() -> Mapping[str, str]:
    """The environment variables of both functions if every parameter has its default."""
    template = load()
    variables = dict(template["Globals"]["Function"]["Environment"]["Variables"])
    for function in ("SubmitPurge", "CheckPurges"):
        properties = template["Resources"][function]["Properties"]
        variables |= properties.get("Environment", {}).get("Variables", {})
    return {name: _default(template, value) for name, value in variables.items()}


def _default(template: Any, value: Any) -> str:
    """The default of a value of the template. It is empty if only a deployment knows the value."""
    if value == {"Ref": "AWS::StackName"}:
        return STACK
    if isinstance(value, dict) and "Ref" in value:
        return str(template["Parameters"].get(value["Ref"], {}).get("Default", ""))
    return value if isinstance(value, str) else ""
