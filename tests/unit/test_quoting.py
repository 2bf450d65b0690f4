"""Values in messages."""

import pytest

from purging.quoting import without_query


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://i.io/a.jpg", "https://i.io/a.jpg"),
        ("https://i.io/a/*", "https://i.io/a/*"),
        ("https://i.io/a.jpg?*", "https://i.io/a.jpg?*"),
        ("https://i.io/a.jpg?ik-s=secret&tr=w-1", "https://i.io/a.jpg?***"),
        ("https://i.io/a.jpg?ik-s=secret*", "https://i.io/a.jpg?****"),
        ("https://i.io/a.jpg?a=b?c", "https://i.io/a.jpg?***"),
    ],
)
def test_a_query_is_not_shown(url: str, shown: str) -> None:
    """It may have a signature. What is purged remains to be seen: a path, variants or not."""
    assert without_query(url) == shown
