"""Decides the conditions of template.yaml, which is data here."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from local.template import load
from local.workspace import PROJECT

__all__ = ["PROJECT", "default_environment", "load", "under"]

NO_VALUE = {"Ref": "AWS::NoValue"}

STACK = "imagekit-s3-purge"
"""The default name of the stack, from samconfig.toml."""


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
