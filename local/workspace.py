"""The folder that one embedded stack keeps everything in: state, logs, certificate, scratch files."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
"""The project's root."""

SHARED = PROJECT / ".local"
"""Where `up` keeps its stack, and what all stacks share."""

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Workspace:
    """One stack's folder. Two stacks at once need two workspaces."""

    home: Path = SHARED

    @property
    def logs(self) -> Path:
        """What every process of the stack printed, a file each."""
        return self.home / "logs"

    @property
    def tls(self) -> Path:
        """The certificate that the emulated AWS serves with."""
        return self.home / "tls"

    @property
    def scratch(self) -> Path:
        """Temporary files of the processes, unpacked function packages among them."""
        return self.home / "tmp"

    def prepare(self) -> None:
        """Make the folders, and drop what an earlier stack left in them."""
        for folder in (self.logs, self.scratch):
            _remove(folder)
        for folder in (self.logs, self.scratch, self.tls):
            folder.mkdir(parents=True, exist_ok=True)

    def remember(self, state: dict[str, Any]) -> None:
        """Write the state file, whole or not at all."""
        draft = self._state.with_suffix(".new")
        draft.write_text(json.dumps(state, indent=2) + "\n")
        draft.replace(self._state)

    def recall(self) -> dict[str, Any] | None:
        """What was remembered last; None if nothing was, or if it cannot be read."""
        try:
            state = json.loads(self._state.read_text())
        except (OSError, ValueError):
            return None
        return state if isinstance(state, dict) else None

    def forget(self) -> None:
        """Drop the state and the scratch files, and keep the logs."""
        self._state.unlink(missing_ok=True)
        _remove(self.scratch)

    @property
    def _state(self) -> Path:
        return self.home / "state.json"


def _remove(folder: Path) -> None:
    """Remove a folder, if it is there.

    By several threads: it may hold thousands of files. Each waits for the disk, and on a busy machine for its
    turn after that: one thread takes half a minute there.
    """
    if folder.is_dir():
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            list(threads.map(partial(shutil.rmtree, ignore_errors=True), folder.iterdir()))
    shutil.rmtree(folder, ignore_errors=True)
