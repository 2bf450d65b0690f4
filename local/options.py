"""Options of an embedded stack."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of the emulated services, and parameters of the template."""

    completion_delay: float = 3.0
    """Seconds until ImageKit reports a purge as Completed."""

    quota: int = 1000
    """Purges that ImageKit accepts in a calendar month."""

    wait_scale: float = 0.2
    """Factor for the waits of state machines: 0.2 makes 1 second of 5."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    """Template parameters; the stack itself sets the addresses."""

    emulator: tuple[str, ...] = ()
    """More arguments for `python -m local.imagekit`."""
