"""A SAM CLI that is too old is refused before the build."""

from pathlib import Path

import pytest

from local import environment, sam
from local.errors import LocalError


def _says(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> None:
    program = folder / "sam"
    program.write_text(f"#!/bin/sh\necho '{text}'\n")
    program.chmod(0o755)
    monkeypatch.setattr(environment, "tool", lambda _name: str(program))


@pytest.mark.parametrize("version", ["1.170.0", "1.171.3", "2.0.0"])
def test_a_sam_cli_that_is_new_enough_is_taken(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Versions are compared as numbers, not as text."""
    _says(monkeypatch, tmp_path, f"SAM CLI, version {version}")
    sam.check_version()


@pytest.mark.parametrize("said", ["SAM CLI, version 1.153.1", "SAM CLI, version 1.99.0", "no such command"])
def test_an_old_sam_cli_is_refused_with_the_remedy(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1.153 would fail during the build, because it has no `python-uv`, and would not name its version."""
    _says(monkeypatch, tmp_path, said)
    with pytest.raises(LocalError, match=r"1\.170 or later.*make setup"):
        sam.check_version()
