"""The small world that integration tests share."""

from collections.abc import Iterator

import pytest

from tests.integration.world import World, world


@pytest.fixture
def w() -> Iterator[World]:
    """A new world for each test."""
    with world() as new:
        yield new
