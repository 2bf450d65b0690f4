"""Fixtures that integration tests share."""

from collections.abc import Iterator

import pytest

from benchmarks.console import pretended
from local.console.app import application
from local.console.feed import Feed
from local.console.server import listening
from tests.integration.harness import Harness, running_harness


@pytest.fixture
def harness() -> Iterator[Harness]:
    """A new harness for each test."""
    with running_harness() as new:
        yield new


@pytest.fixture
def feed() -> Feed:
    """A console's feed, with a few objects and purges."""
    feed = Feed()
    pretended.fill(feed, 3, 2)
    return feed


@pytest.fixture
def url(feed: Feed) -> Iterator[str]:
    """The address of a console with that feed, and with a pretended stack behind it."""
    parts = pretended.parts(feed)
    with listening(lambda port: application(parts, port), feed) as address:
        yield address
