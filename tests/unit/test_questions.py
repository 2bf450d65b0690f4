"""Questions: what may be asked, and what a malformed one is told."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purging.errors import InvalidRequest, MalformedEvent, PermanentError
from purging.events.questions import asked, is_question

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ({"status": True}, None),
        ({"explain": "origin/a/x.jpg"}, ("origin", "a/x.jpg")),
        ({"explain": "s3://origin/a/x.jpg"}, ("origin", "a/x.jpg")),
        ({"explain": "origin//a b+é%2F"}, ("origin", "/a b+é%2F")),
        ({"explain": {"bucket": "origin", "key": "s3://odd\n"}}, ("origin", "s3://odd\n")),
    ],
)
def test_what_is_asked(question: dict[str, Any], names: tuple[str, str] | None) -> None:
    """The key is taken as it is written, with whatever follows the first slash."""
    assert is_question(question)
    assert asked(question) == names


@pytest.mark.parametrize(
    ("question", "error", "names"),
    [
        ({"status": 1}, InvalidRequest, r'status is 1: write \{"status": true\}'),
        (
            {"status": True, "explain": "a/b"},
            InvalidRequest,
            "either status or explain.*not 'status', 'explain'",
        ),
        ({"explain": "a/b", "urls": []}, InvalidRequest, "either status or explain"),
        (
            {"explain": "a.jpg"},
            InvalidRequest,
            "explain is 'a.jpg', which names no bucket and key: write {\"e",
        ),
        ({"explain": "/a.jpg"}, InvalidRequest, "names no bucket and key"),
        ({"explain": "origin/"}, InvalidRequest, "names no bucket and key"),
        (
            {"explain": ["origin/a"]},
            MalformedEvent,
            "must be a text or a JSON object, not a list of 1: write",
        ),
        ({"explain": None}, MalformedEvent, "not None"),
        ({"explain": {"bucket": "b", "key": "k", "versionId": "3"}}, InvalidRequest, "leave out 'versionId'"),
        ({"explain": {"bucket": "b"}}, MalformedEvent, "key must be a text, not None"),
        ({"explain": f"b/{'k' * 1025}"}, MalformedEvent, "has 1025 bytes, more than S3's 1024"),
    ],
)
def test_a_malformed_question_is_told_what_to_write(
    question: dict[str, Any], error: type[Exception], names: str
) -> None:
    """The error names the value and the remedy."""
    with pytest.raises(error, match=names):
        asked(question)


@given(st.sampled_from(["status", "explain"]), json_values)
def test_arbitrary_questions_raise_nothing_but_permanent_errors(name: str, value: Any) -> None:
    """Whatever JSON somebody sends."""
    assert is_question({name: value})
    try:
        asked({name: value})
    except PermanentError:
        return


@pytest.mark.parametrize(
    "event", [None, "status", ["explain"], {}, {"Records": []}, {"tick": True}, {"urls": []}]
)
def test_other_events_are_no_questions(event: object) -> None:
    """Of whatever type they are."""
    assert not is_question(event)
