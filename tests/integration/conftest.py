"""The fixture that integration tests share."""

from collections.abc import Iterator

import pytest

from tests.integration.harness import Harness, running_harness


@pytest.fixture
def harness() -> Iterator[Harness]:
    """A new harness for each test."""
    with running_harness() as new:
        yield new
