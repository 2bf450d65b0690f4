"""One line broken at a time, to show that the simulation can fail."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

MUTANTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {}


@contextmanager
def mutated(name: str | None) -> Iterator[None]:
    """The functions with one line broken; as they are, without a name."""
    with pytest.MonkeyPatch.context() as patch:
        if name:
            MUTANTS[name](patch)
        yield
