"""The layout: imports point down the floors that CONTRIBUTING.md shows, and functions change no argument."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cloudformation import PROJECT

FUNCTIONS = PROJECT / "functions"
# Methods of lists, sets, dictionaries and deques that change them.
CHANGING = {
    *("add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popleft"),
    *("remove", "reverse", "setdefault", "sort", "update"),
}


def _floors() -> list[list[str]]:
    """The floors of CONTRIBUTING.md's picture, from top to bottom: the rooms on each."""
    text = (PROJECT / "CONTRIBUTING.md").read_text()
    picture = re.search(r"^## Floors\n.*?^```text\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert picture
    return [re.split(r"\s{2,}", line.strip()) for line in picture[1].splitlines()]


FLOORS = _floors()
FLOOR_OF = {room: number for number, floor in enumerate(FLOORS) for room in floor}


def _modules() -> list[Path]:
    return sorted(path for path in FUNCTIONS.rglob("*.py") if path.name != "__init__.py")


def _room(module: str) -> str:
    """The room of a module such as `purging.planning.pacing`: `planning`."""
    return module.removeprefix("purging.").partition(".")[0]


def _name(path: Path) -> str:
    return ".".join(path.relative_to(FUNCTIONS).with_suffix("").parts)


def _imports(path: Path) -> Iterator[str]:
    """The modules of functions/ that a module imports, and the rest by their first name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = node.module or ""
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                is_module = FUNCTIONS.joinpath(*whole.split(".")).with_suffix(".py").exists()
                is_package = FUNCTIONS.joinpath(*whole.split(".")).is_dir()
                yield whole if is_module or is_package else base
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_every_module_has_its_room_in_the_picture() -> None:
    """And the picture shows no room that is not there."""
    assert {_room(_name(path)) for path in _modules()} == set(FLOOR_OF)


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_imports_point_down(path: Path) -> None:
    """A module imports from its own room and from lower floors; rooms of one floor do not know each other."""
    room = _room(_name(path))
    for imported in _imports(path):
        if imported.startswith("purging."):
            other = _room(imported)
            assert other == room or FLOOR_OF[other] > FLOOR_OF[room], f"{_name(path)} imports {imported}"
        else:
            assert imported.partition(".")[0] not in ("local", "ops", "tests", "benchmarks")


def test_planning_reaches_neither_aws_nor_http_nor_persistence() -> None:
    """Nor do the modules that it imports, however far away."""
    modules = [_name(path) for path in _modules() if _room(_name(path)) == "planning"]
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    done = subprocess.run(  # noqa: S603 - the line above
        [sys.executable, "-c", code], cwd=FUNCTIONS, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert not {"boto3", "botocore", "requests", "urllib3"} & loaded
    assert not {name for name in loaded if re.match(r"purging\.(aws|imagekit|ledger)", name)}


def _changed_arguments(function: ast.FunctionDef) -> Iterator[str]:
    """Where a function changes what it was given."""
    given = function.args
    names = {each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)} - {"self", "cls"}
    for node in ast.walk(function):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        elif isinstance(node, ast.Delete):
            targets = node.targets
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            targets = [node.func] if node.func.attr in CHANGING else []
        for target in targets:
            # `given.field = …`, `given[0] = …`, `given.field.append(…)`; not the name itself.
            root: ast.expr = target
            while isinstance(root, ast.Attribute | ast.Subscript):
                root = root.value
            if root is not target and isinstance(root, ast.Name) and root.id in names:
                yield f"{function.name}, line {node.lineno}: {ast.unparse(target)}"


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_no_function_changes_its_arguments(path: Path) -> None:
    """Results come back as values. An object may change itself, by its own methods."""
    tree = ast.parse(path.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert [found for each in functions for found in _changed_arguments(each)] == []


def test_a_changed_argument_is_found() -> None:
    """In each of its forms: the test above can fail."""
    code = """
def wrong(given, other, *, more):
    given.append(1)
    other.field = 2
    more[0] += 3
    del given[0]
    given.list.update(more)
    given = []
"""
    (function,) = ast.parse(code).body
    assert isinstance(function, ast.FunctionDef)
    found = [each.partition(": ")[2] for each in _changed_arguments(function)]
    assert sorted(found) == ["given.append", "given.list.update", "given[0]", "more[0]", "other.field"]
