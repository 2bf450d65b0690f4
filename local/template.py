"""Reads a template as data: CloudFormation's short functions, such as `!Ref`, become their long forms."""

from typing import Any

import yaml  # type: ignore[import-untyped] # its stubs are a package of their own

from local.workspace import PROJECT


class _Loader(yaml.SafeLoader):  # type: ignore[misc] # untyped, as above
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
    """A template as CloudFormation sees it before the transform. The path is relative to the project."""
    # This is a subclass of the safe loader, so it makes only data.
    return yaml.load((PROJECT / path).read_text(), _Loader)  # noqa: S506 # nosec B506
