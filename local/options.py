"""What may differ from one embedded stack to the next."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Options:
    """How the emulated services behave, and what the template is deployed with."""

    completion_delay: float = 3.0
    """Seconds until ImageKit reports a purge as Completed."""

    quota: int = 1000
    """Purges that ImageKit accepts in a calendar month."""

    wait_scale: float = 0.2
    """State machines wait this many times what they say: 1 second rather than 5."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    """Template parameters beside the addresses, which the stack sets itself."""

    emulator: tuple[str, ...] = ()
    """More arguments for `python -m local.imagekit`."""
