"""A handler that does nothing: what the runtime itself takes."""

from typing import Any


def handler(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Do nothing."""
    return {}
