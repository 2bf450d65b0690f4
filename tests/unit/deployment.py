"""Deploys template.yaml on paper: decides its conditions and evaluates its functions for given parameters."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.unit.cloudformation import load, under

# The functions that need only their arguments, which have CloudFormation's order.
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Fn::Equals": lambda one, other: one == other,
    "Fn::Join": lambda delimiter, texts: delimiter.join(texts),
    "Fn::And": lambda *conditions: all(conditions),
    "Fn::Not": lambda condition: not condition,
    "Fn::Or": lambda *conditions: any(conditions),
    "Fn::Select": lambda index, values: values[index],
    "Fn::Split": lambda delimiter, text: text.split(delimiter),
}


@dataclass(frozen=True)
class Deployment:
    """What CloudFormation makes of the template.

    `parameters` holds the parameters that do not have their defaults. `names` holds what only AWS knows:
    pseudo parameters, and `Ref` and `GetAtt` of resources, as in `AWS::Region` and `Queue.Arn`. A name that
    is missing there is empty.
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """The environment variables of SubmitPurge. CheckPurges has no others."""
        everywhere = self._template["Globals"]["Function"]["Environment"]["Variables"]
        submit = self._template["Resources"]["SubmitPurge"]["Properties"]["Environment"]["Variables"]
        variables: dict[str, str] = self._decided(everywhere | submit)
        return variables

    def properties(self, resource: str) -> Any:
        """The properties of a resource, given its logical id."""
        return self._decided(self._template["Resources"][resource]["Properties"])

    def evaluated(self, part: Any) -> Any:
        """A part of the template with its functions evaluated."""
        return self._evaluated(part)

    @cached_property
    def _template(self) -> Any:
        return load()

    @cached_property
    def _conditions(self) -> dict[str, bool]:
        return {name: self._evaluated(part) for name, part in self._template["Conditions"].items()}

    def _decided(self, part: Any) -> Any:
        return self._evaluated(under(part, **self._conditions))

    def _evaluated(self, part: Any) -> Any:
        if isinstance(part, list):
            return [self._evaluated(each) for each in part]
        if not isinstance(part, dict):
            return part
        [name, *others] = part or [""]
        if not others and (name in {"Ref", "Condition"} or name.startswith("Fn::")):
            return self._called(name, part[name])
        return {key: self._evaluated(each) for key, each in part.items()}

    def _called(self, function: str, argument: Any) -> Any:
        if function == "Condition":
            return self._evaluated(self._template["Conditions"][argument])
        if function in {"Ref", "Fn::GetAtt"}:
            return self._named(argument if isinstance(argument, str) else ".".join(argument))
        arguments = self._evaluated(argument)
        if function == "Fn::Sub":
            text, own = (arguments, {}) if isinstance(arguments, str) else arguments
            return re.sub(r"\$\{([^}]+)\}", lambda name: own.get(name[1]) or self._named(name[1]), text)
        return _FUNCTIONS[function](*arguments)

    def _named(self, name: str) -> str:
        default = self._template["Parameters"].get(name, {}).get("Default", "")
        return str(self.parameters.get(name, self.names.get(name, default)))
