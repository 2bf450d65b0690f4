"""Errors of the commands. Their texts say what the user can do."""

from pathlib import Path

_LAST_LINES = 15


class LocalError(Exception):
    """Something on this machine did not start, build or deploy.

    The text says what, and shows the end of `log` if there is one.
    """

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.log = log

    def __str__(self) -> str:
        if self.log is None:
            return self.message
        return f"{self.message}\n{_tail(self.log)}\nThe whole log: {self.log}"


class BadInput(LocalError):
    """The input of a command cannot work. The text names it and the remedy."""


def _tail(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError as error:
        return f"  (no log: {error.strerror})"
    return "\n".join(f"  {line[:300]}" for line in lines[-_LAST_LINES:])
