"""One embedded stack for all end-to-end tests, apart from the one that `up` may have started."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.session import session
from local.stack import Stack
from local.workspace import SHARED
from tests.e2e.waiting import until


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The real template, deployed by the real SAM CLI, on emulated services that enforce IAM."""
    with session(private=SHARED / "e2e") as running:
        yield running


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """`eventually(look, what, seconds)`: the first answer of `look` that is true."""
    return until
