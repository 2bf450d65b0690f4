"""Runs `aws SERVICE OPERATION --option value …` without the AWS CLI.

It supports only what docs/operations.md uses: the options of an operation's parameters, `--no-…` for a flag,
`--query`, `--max-items`, values in JSON and `file://`.
"""

import json
from pathlib import Path
from typing import Any

import jmespath
from botocore import xform_name

from local.stack import Stack


def run(stack: Stack, words: list[str]) -> Any:
    """Returns the answer of an `aws` command. `words` are the words after `aws`."""
    service, operation, *options = words
    client = stack.client(service)
    method = operation.replace("-", "_")
    model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
    members = {xform_name(name, "-"): (name, shape) for name, shape in model.input_shape.members.items()}
    arguments: dict[str, Any] = {}
    query = ""
    while options:
        option = options.pop(0).removeprefix("--")
        name, shape = members.get(option) or members.get(option.removeprefix("no-")) or ("", None)
        if shape is not None and shape.type_name == "boolean":
            arguments[name] = not option.startswith("no-")
        elif option == "query":
            query = options.pop(0)
        elif option == "max-items":
            arguments["Limit"] = int(options.pop(0))
        else:
            assert shape is not None, f"{service} {operation} knows no --{option}"
            arguments[name] = _value(options.pop(0), shape.type_name)
    answer = getattr(client, method)(**arguments)
    return jmespath.search(query, answer) if query else answer


def _value(text: str, kind: str) -> Any:
    if text.startswith("file://"):
        text = Path(text.removeprefix("file://")).read_text()
    return text if kind == "string" else json.loads(text)
