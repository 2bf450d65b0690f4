"""Manual purges: what may be asked for, which requests are equal, and which purges served one."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purging.changes import ObjectChange, UrlChange
from purging.errors import InvalidRequest, MalformedEvent, PermanentError
from purging.events.fields import is_manual
from purging.events.manual import identity, requested
from purging.planning.coverage import purges_covering
from purging.purges import AcceptedPurge, joined
from purging.urls import UrlMap

NOW = datetime(2030, 5, 15, 12, tzinfo=UTC)
ENDPOINT = "https://ik.imagekit.io/demo"
MAP = UrlMap.parse(f"origin={ENDPOINT}", ["tr:w-300"])
URL = f"{ENDPOINT}/a/x.jpg"
BODY = {"urls": [URL]}
ENTRY = {"bucket": "origin", "key": "a/x.jpg"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_a_request_happens_when_it_is_asked() -> None:
    """By the given clock, and no other: with the same time, an equal request has the same changes."""
    keys = {"keys": [{"bucket": "origin", "key": "my photo+1.jpg"}], "token": "1"}
    assert requested(BODY, MAP, NOW.timestamp()) == [UrlChange(URL, NOW)]
    assert requested(keys, MAP, NOW.timestamp()) == [ObjectChange("origin", "my photo+1.jpg", "created", NOW)]


@pytest.mark.parametrize(
    ("event", "error", "names"),
    [
        (BODY | {"keys": []}, InvalidRequest, "either urls or keys"),
        (BODY | {"tokn": "1"}, InvalidRequest, "tokn"),
        (BODY | {"token": ""}, MalformedEvent, "token must be a text"),
        (BODY | {"token": 7}, MalformedEvent, "token must be a text, not 7"),
        (BODY | {"token": None}, MalformedEvent, "token must be a text"),
        (BODY | {"\ud800" * 999: 1}, InvalidRequest, r"not 'urls', '.{100,120}\.\.\.$"),
        (
            {"keys": "a.jpg"},
            InvalidRequest,
            r'keys must be a list, even of one entry: write \{"keys": .*, not \'a.jpg\'',
        ),
        ({"urls": URL}, InvalidRequest, f"urls must be a list, even of one entry: write .*, not {URL!r}"),
        ({"urls": "https://user:pw@ik.imagekit.io/"}, InvalidRequest, r"not 'https://\*\*\*@ik"),
        ({"urls": None}, InvalidRequest, "urls must be a list, .*, not None"),
        ({"urls": {"a": 1}}, InvalidRequest, "urls must be a list, .*, not an object with 'a'"),
        ({"urls": []}, InvalidRequest, "urls is an empty list: name what to purge, 1 to 100 entries"),
        ({"urls": [URL] * 101}, InvalidRequest, "urls has 101 entries, more than 100: split the request"),
        ({"urls": [URL, 1]}, InvalidRequest, f"^1 is no URL: write a text such as '{ENDPOINT}/photo.jpg'"),
        ({"urls": [None]}, InvalidRequest, "^None is no URL: write a text"),
        ({"urls": [[URL]]}, InvalidRequest, "^a list of 1 is no URL: write a text"),
        ({"urls": [{"url": URL}]}, InvalidRequest, "^an object with 'url' is no URL: write a text"),
        ({"urls": [""]}, InvalidRequest, "^'' is no URL: write a text"),
        ({"urls": [f"{URL} "]}, InvalidRequest, "jpg ' is no URL: percent-encode blanks"),
        ({"keys": [ENTRY | {"versionId": "3"}]}, InvalidRequest, "nothing else: leave out 'versionId'"),
        (
            {"keys": [ENTRY, ENTRY | {"b": 1, "a": 2}]},
            InvalidRequest,
            "a bucket and a key, .*: leave out 'a', 'b'",
        ),
        ({"keys": ["a.jpg"]}, MalformedEvent, "an entry of keys must be a JSON object"),
        ({"keys": [{"bucket": "origin"}]}, MalformedEvent, "key must be a text"),
        (
            {"keys": [{"bucket": "other", "key": "a"}]},
            InvalidRequest,
            "'a' of bucket 'other': correct them, or add .* to UrlMap",
        ),
    ],
)
def test_what_cannot_be_served_is_named(event: dict[str, Any], error: type[Exception], names: str) -> None:
    """Whoever asks is there to correct it, and is told what is wrong and what to write."""
    with pytest.raises(error, match=names):
        requested(event, MAP, NOW.timestamp())


@given(st.sampled_from(["urls", "keys"]), json_values, json_values)
def test_arbitrary_requests_raise_nothing_but_permanent_errors(name: str, entries: Any, token: Any) -> None:
    """And whatever is asked has an identity."""
    event = {name: entries, "token": token}
    assert is_manual(event)
    assert len(identity(event)) == 64
    try:
        requested(event, MAP, NOW.timestamp())
    except PermanentError:
        return


@pytest.mark.parametrize("event", [None, "urls", ["urls"], {}, {"Records": []}, {"tick": True}])
def test_other_events_are_no_manual_purges(event: object) -> None:
    """Of whatever type they are."""
    assert not is_manual(event)


def test_equal_requests_have_one_identity_and_tokens_tell_them_apart() -> None:
    """The order of fields is the caller's JSON library's, and means nothing."""
    key = {"bucket": "origin", "key": "a.jpg"}
    assert identity({"keys": [key], "token": "1"}) == identity(
        {"token": "1", "keys": [dict(reversed(key.items()))]}
    )
    others = [BODY, BODY | {"token": "1"}, BODY | {"token": "2"}, {"urls": [URL, URL]}, {"keys": [key]}]
    assert len(set(map(identity, others))) == len(others)


def test_the_purges_that_served_a_request() -> None:
    """Made for it at once, whatever the clocks; or made later, for whatever; not those of before."""
    time = NOW.timestamp()
    changes = requested({"keys": [{"bucket": "origin", "key": "a/x.jpg"}]}, MAP, time)
    own = joined(change.identity for change in changes)
    purges = [
        AcceptedPurge("own", f"{URL}*", time - 4, own),
        AcceptedPurge("own exact", URL, time + 1, own),
        AcceptedPurge("just before", f"{ENDPOINT}/a/*", time - 1),
        AcceptedPurge("later", f"{ENDPOINT}/a/*", time + 60),
        AcceptedPurge("its variant", f"{ENDPOINT}/tr:w-300/a/x.jpg", time + 60),
        AcceptedPurge("another", f"{ENDPOINT}/b/*", time + 60),
    ]
    served = [purge.request_id for purge in purges_covering(changes, MAP, purges)]
    assert served == ["own", "own exact", "later", "its variant"]
    wildcard = requested({"urls": [f"{ENDPOINT}/a/b/*"]}, MAP, time)
    assert [purge.request_id for purge in purges_covering(wildcard, MAP, purges)] == ["later"]
