"""The folder of an embedded stack: state, logs, certificate, temporary files."""

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
"""The folder of the stack of `up`, and of what all stacks share."""

_CONCURRENCY = 8  # threads


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder of one stack. Each stack that runs needs its own workspace."""

    home: Path = SHARED

    @property
    def logs(self) -> Path:
        """The folder of the logs, one file for each process."""
        return self.home / "logs"

    @property
    def tls(self) -> Path:
        """The folder of the certificate of the emulated AWS."""
        return self.home / "tls"

    @property
    def scratch(self) -> Path:
        """The folder of temporary files, such as unpacked packages of functions."""
        return self.home / "tmp"

    def prepare(self) -> None:
        """Make the folders, and remove the files of an earlier stack."""
        for folder in (self.logs, self.scratch):
            _remove(folder)
        for folder in (self.logs, self.scratch, self.tls):
            folder.mkdir(parents=True, exist_ok=True)

    def save_state(self, state: dict[str, Any]) -> None:
        """Write the state file, completely or not at all."""
        draft = self._state.with_suffix(".new")
        draft.write_text(json.dumps(state, indent=2) + "\n")
        draft.replace(self._state)

    def load_state(self) -> dict[str, Any] | None:
        """Returns the state that was saved last; None if there is none, or if it cannot be read."""
        try:
            state = json.loads(self._state.read_text())
        except (OSError, ValueError):
            return None
        return state if isinstance(state, dict) else None

    def remove_state(self) -> None:
        """Remove the state and the temporary files. The logs stay."""
        self._state.unlink(missing_ok=True)
        _remove(self.scratch)

    @property
    def _state(self) -> Path:
        return self.home / "state.json"


def _remove(folder: Path) -> None:
    """Remove a folder if it exists.

    It may have thousands of files, and on a busy machine one thread would need half a minute. So several
    threads remove them.
    """
    if folder.is_dir():
        with ThreadPoolExecutor(_CONCURRENCY) as threads:
            list(threads.map(partial(shutil.rmtree, ignore_errors=True), folder.iterdir()))
    shutil.rmtree(folder, ignore_errors=True)
