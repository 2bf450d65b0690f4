"""The bytecode that `make build` adds, by `make bytecode` on a package that is as small as can be."""

import os
import subprocess
import sys
from pathlib import Path

from local.workspace import PROJECT


def make_bytecode(built: Path, runtime: str) -> str:
    command = ["make", "--no-print-directory", "bytecode", f"BUILT={built}", f"RUNTIME={runtime}"]
    done = subprocess.run(  # noqa: S603 - our own target
        command, cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_python_takes_the_bytecode_whatever_the_times_of_the_files(tmp_path: Path) -> None:
    """Lambda unpacks a package with other times. The bytecode does not depend on the folder of the build."""
    package = tmp_path / "Function"
    package.mkdir()
    module = package / "handler.py"
    module.write_text("print('bytecode')\n")
    assert "have bytecode" in make_bytecode(tmp_path, sys.executable)
    [bytecode] = package.rglob("*.pyc")
    assert str(tmp_path).encode() not in bytecode.read_bytes()

    module.write_text("print('source')\n")
    os.utime(module, (0, 0))
    done = subprocess.run(
        [sys.executable, "-c", "import handler"], cwd=package, capture_output=True, text=True, check=True
    )
    assert done.stdout == "bytecode\n"


def test_the_build_does_without_the_python_of_the_runtime(tmp_path: Path) -> None:
    """A fresh machine does not have it."""
    (tmp_path / "Function").mkdir()
    said = make_bytecode(tmp_path, "python-of-another-machine")
    assert "no python-of-another-machine here" in said
    assert not list(tmp_path.rglob("*.pyc"))
