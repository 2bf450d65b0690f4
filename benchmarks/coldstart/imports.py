"""What the import of a handler is made of, by Python's own account (`-X importtime`).

https://docs.python.org/3/using/cmdline.html#cmdoption-X
"""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.errors import LocalError

_SECONDS = 120
_TOP = 10
_LINE = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$", re.MULTILINE)


def breakdown(name: str, package: Path, module: str, env: Mapping[str, str]) -> dict[str, Any]:
    """A row with the milliseconds of the packages that take the longest, without what they import."""
    plain, whole = _microseconds("pass", package, env), _microseconds(f"import {module}", package, env)
    packages: Counter[str] = Counter()
    for imported, microseconds in whole.items():
        if imported not in plain:
            packages[_package(imported)] += microseconds
    top = dict(packages.most_common(_TOP))
    return {
        "imports": f"imports of {name}, in ms",
        **{each: round(microseconds / 1000, 1) for each, microseconds in top.items()},
        "all_others": round((packages.total() - sum(top.values())) / 1000, 1),
        "modules": len(whole.keys() - plain.keys()),
    }


def _package(imported: str) -> str:
    first = imported.partition(".")[0]
    return "standard library" if first in sys.stdlib_module_names else first


def _microseconds(code: str, package: Path, env: Mapping[str, str]) -> dict[str, int]:
    """The microseconds of each module that the code imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code],
        cwd=package,
        env={**env, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        raise LocalError(f"`{code}` failed in {package}: {done.stderr.splitlines()[-1:]}")
    return {name: int(microseconds) for microseconds, name in _LINE.findall(done.stderr)}
