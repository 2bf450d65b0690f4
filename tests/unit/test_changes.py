"""Any event to changes: every shape understood, every key decoded once, everything else a MalformedEvent."""

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, unquote, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from purging.changes import ObjectChange, parse, split
from purging.errors import MalformedEvent, PurgeError
from purging.events.fields import MAX_KEY_BYTES
from purging.urls import UrlMap

Event = dict[str, Any]

# A loaded machine is no failure.
relaxed = settings(deadline=None)

keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=MAX_KEY_BYTES // 4)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def form_encoded(key: str) -> str:
    """As S3 notifications have it: Java's URLEncoder, but for slashes."""
    return quote_plus(key, safe="/*").replace("~", "%7E")


def s3(key: str = "a/x.jpg", name: str = "ObjectCreated:Put", encoded_key: str = "", **entity: Any) -> Event:
    key = encoded_key or form_encoded(key)
    return {
        "eventSource": "aws:s3",
        "eventName": name,
        "eventTime": "2030-05-15T12:00:00.250Z",
        "s3": {"bucket": {"name": "origin"}, "object": {"key": key, "sequencer": "0A"} | entity},
    }


def eventbridge(key: str = "a/x.jpg", kind: str = "Object Created") -> Event:
    return {
        "detail-type": kind,
        "source": "aws.s3",
        "time": "2030-05-15T12:00:00Z",
        "detail": {"bucket": {"name": "origin"}, "object": {"key": key, "sequencer": "0A"}},
    }


def in_sqs(*bodies: object) -> Event:
    texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
    return {"Records": [{"eventSource": "aws:sqs", "body": text} for text in texts]}


def in_sns(message: object) -> Event:
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(message)}}]}


def sns_envelope(message: object) -> Event:
    return {"Type": "Notification", "Message": json.dumps(message)}


SHAPES = {
    "S3": lambda key: {"Records": [s3(key)]},
    "S3 in SQS": lambda key: in_sqs({"Records": [s3(key)]}),
    "S3 in SNS": lambda key: in_sns({"Records": [s3(key)]}),
    "S3 in SNS in SQS": lambda key: in_sqs(sns_envelope({"Records": [s3(key)]})),
    "EventBridge": eventbridge,
    "EventBridge in SQS": lambda key: in_sqs(eventbridge(key)),
}


@pytest.mark.parametrize("shape", SHAPES)
@relaxed
@given(key=keys)
@example(key="my photo+1.jpg")
@example(key="100%/a%20b.jpg")
@example(key="#?*~&=.png")
@example(key="e\u0301te\u0301/\u00e9t\u00e9.jpg")
@example(key="//double//slash")
@example(key="\0\n\x7f")
def test_any_key_round_trips_from_event_to_url(shape: str, key: str) -> None:
    """A peer's bug: keys never decoded, or decoded twice. The URL's path, decoded, is the key again."""
    (change,) = parse(SHAPES[shape](key))
    assert (change.bucket, change.key) == ("origin", key)
    (url,) = UrlMap.parse("origin=https://ik.imagekit.io/demo").targets(change)
    parts = urlsplit(url)
    assert (parts.query, parts.fragment) == ("", "")
    assert "*" not in url
    assert url.isascii()
    assert unquote(parts.path, errors="strict") == f"/demo/{key}"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ObjectCreated:Put", "created"),
        ("ObjectCreated:Copy", "created"),
        ("s3:ObjectCreated:CompleteMultipartUpload", "created"),
        ("ObjectRemoved:Delete", "removed"),
        ("ObjectRemoved:DeleteMarkerCreated", "removed"),
        ("LifecycleExpiration:Delete", "removed"),
        ("s3:LifecycleExpiration:DeleteMarkerCreated", "removed"),
    ],
)
def test_event_names_of_s3(name: str, kind: str) -> None:
    """Lifecycle expiry is no ObjectRemoved, and has a name of its own."""
    (change,) = parse({"Records": [s3(name=name)]})
    assert change.kind == kind


EXPIRED = {"reason": "Lifecycle Expiration", "deletion-type": "Permanently Deleted"}


def deleted(version: str | None = "v1", **detail: str) -> Event:
    """An `Object Deleted` of EventBridge with these fields in its detail."""
    event = eventbridge(kind="Object Deleted")
    event["detail"] |= detail
    if version is not None:
        event["detail"]["object"]["version-id"] = version
    return event


@pytest.mark.parametrize(
    "event",
    [
        {"Records": [s3(name="LifecycleExpiration:Delete", versionId="v1")]},
        {"Records": [s3(name="s3:LifecycleExpiration:Delete", versionId="v1")]},
        deleted(**EXPIRED),
        in_sqs(deleted(**EXPIRED)),
    ],
)
def test_an_expired_old_version_is_no_change(event: Event) -> None:
    """Every overwrite was paid for twice: once when it happened, and when its old version expired. What S3
    says of the version is understood, so that its message is done."""
    assert split(event) == ([], [])


@pytest.mark.parametrize(
    "event",
    [
        {"Records": [s3(name="LifecycleExpiration:Delete")]},
        {"Records": [s3(name="LifecycleExpiration:Delete", versionId=None)]},
        {"Records": [s3(name="LifecycleExpiration:Delete", versionId="null")]},
        {"Records": [s3(name="LifecycleExpiration:DeleteMarkerCreated", versionId="v1")]},
        {"Records": [s3(name="ObjectRemoved:Delete", versionId="v1")]},
        {"Records": [s3(name="ObjectRemoved:DeleteMarkerCreated", versionId="v1")]},
        deleted(None, **EXPIRED),
        deleted("null", **EXPIRED),
        deleted(**{**EXPIRED, "deletion-type": "Delete Marker Created"}),
        deleted(**{**EXPIRED, "reason": "DeleteObject"}),
        deleted(),
    ],
)
def test_every_other_removal_is_a_change(event: Event) -> None:
    """An object that expires, its delete marker, and whatever a person deletes, versions as well."""
    (change,) = parse(event)
    assert change.kind == "removed"


def test_an_expired_old_version_that_cannot_be_read_is_malformed() -> None:
    """It is dropped for what it says, not for its name."""
    with pytest.raises(MalformedEvent, match="key must be a text"):
        parse({"Records": [s3(name="LifecycleExpiration:Delete", versionId="v1", key="")]})


@pytest.mark.parametrize(
    "body", [{"keys": [{"bucket": "origin", "key": "a.jpg"}]}, {"urls": ["https://a/b"]}]
)
@pytest.mark.parametrize(
    "wrapped",
    [
        in_sqs,
        in_sns,
        lambda body: in_sqs(sns_envelope(body)),
        lambda body: eventbridge() | {"source": "my.app", "detail-type": "Purge", "detail": body},
        lambda body: in_sqs(eventbridge() | {"source": "my.app", "detail-type": "Purge", "detail": body}),
    ],
    ids=["SQS", "SNS", "SNS in SQS", "EventBridge", "EventBridge in SQS"],
)
def test_a_manual_purge_in_a_message_is_malformed(wrapped: Callable[[Event], Event], body: Event) -> None:
    """Each delivery of the message was another change, and bought another purge."""
    changes, (problem,) = split(wrapped(body))
    assert changes == []
    assert "sam remote invoke SubmitPurge" in str(problem)


def test_every_field_of_a_notification_is_read() -> None:
    """Milliseconds, sequencer and version id are what order and coverage rest on."""
    assert parse({"Records": [s3("b c.jpg", versionId="v1")]}) == [
        ObjectChange(
            "origin", "b c.jpg", "created", datetime(2030, 5, 15, 12, 0, 0, 250_000, UTC), "0A", "v1"
        )
    ]


def test_every_record_of_every_message_counts_in_order() -> None:
    """A peer's bug: only the first, or only the last, record of an event is handled."""
    event = in_sqs({"Records": [s3("1"), s3("2")]}, eventbridge("3"), sns_envelope({"Records": [s3("4")]}))
    assert [change.key for change in parse(event)] == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    "event",
    [
        {"tick": True},
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "origin"},
        in_sqs({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "origin"}),
        in_sqs(sns_envelope({"Service": "Amazon S3", "Event": "s3:TestEvent"})),
        {"Records": []},
    ],
)
def test_events_without_a_change(event: Event) -> None:
    """A tick, S3's test of a new notification and an empty list are no errors."""
    assert split(event) == ([], [])


@pytest.mark.parametrize("time", ["2030-05-15T12:00:00Z", "2030-05-15T14:00:00+02:00", "2030-05-15T12:00:00"])
def test_times_are_utc(time: str) -> None:
    """Whatever zone a time is given in; none means UTC."""
    (change,) = parse(eventbridge() | {"time": time})
    assert change.occurred_at == datetime(2030, 5, 15, 12, tzinfo=UTC)
    assert change.occurred_at.utcoffset() == timedelta(0)


def test_one_change_has_one_identity_by_whichever_way_it_comes() -> None:
    """The same sequencer by S3 and by EventBridge is one change; another sequencer is another."""
    (notified,), (bridged,) = parse({"Records": [s3()]}), parse(in_sqs(eventbridge()))
    (later,) = parse({"Records": [s3(sequencer="0B")]})
    assert notified.identity == bridged.identity
    assert notified.identity != later.identity
    assert notified.subject == later.subject


@relaxed
@given(json_values)
def test_arbitrary_json_raises_nothing_but_malformed_event(value: Any) -> None:
    """Whatever someone invokes the function with, the error is a typed one."""
    try:
        found = parse(value)
    except MalformedEvent:
        return
    assert all(isinstance(change, ObjectChange) for change in found)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in nested JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for name, each in inner for place in places(each, (*path, name)))]


@relaxed
@given(
    st.sampled_from([{"Records": [s3()]}, eventbridge(), in_sqs(s3()), in_sns({"Records": [s3()]})]),
    st.data(),
    json_values,
)
def test_wrong_types_and_missing_fields_at_any_depth(event: Event, data: st.DataObject, wrong: Any) -> None:
    """One place of a good event is replaced: it is understood, or it is a MalformedEvent."""
    event = copy.deepcopy(event)
    *path, last = data.draw(st.sampled_from([place for place in places(event) if place]))
    holder: Any = event
    for name in path:
        holder = holder[name]
    if data.draw(st.booleans()) and isinstance(holder, dict):
        del holder[last]
    else:
        holder[last] = wrong
    changes, problems = split(event)
    for change in changes:
        assert change.identity
        assert change.occurred_at.tzinfo is UTC
    assert all(isinstance(problem, MalformedEvent) for problem in problems)


@relaxed
@given(st.binary().map(lambda raw: raw.decode("latin-1")))
def test_a_body_of_any_text_is_understood_or_malformed(body: str) -> None:
    """Malformed JSON in a message is a problem of that message alone."""
    changes, problems = split(in_sqs({"Records": [s3()]}, body))
    assert [change.key for change in changes] == ["a/x.jpg"]
    assert len(problems) <= 1


@pytest.mark.parametrize("tenths", range(10))
def test_a_cut_off_message_spoils_nothing_else(tenths: int) -> None:
    """Wherever the text of one message ends, the others are read."""
    whole = json.dumps({"Records": [s3("good")]})
    changes, problems = split(in_sqs(whole, whole[: len(whole) * tenths // 10], whole))
    assert [change.key for change in changes] == ["good", "good"]
    assert len(problems) == 1


@pytest.mark.parametrize("depth", [10, 500, *range(900, 1000, 7), 5_000, 200_000])
def test_deep_nesting(depth: int) -> None:
    """Neither reading nor showing deeply nested JSON overflows the stack, however deep exactly."""
    for body in ("[" * depth + "]" * depth, '{"Records":' * depth + "0" + "}" * depth):
        changes, problems = split(in_sqs(body))
        assert (changes, len(problems)) == ([], 1)
    envelope: object = {"Records": [s3()]}
    for _ in range(8):
        envelope = sns_envelope(envelope)
    with pytest.raises(MalformedEvent, match="nested more than"):
        parse(in_sqs(envelope))


@pytest.mark.parametrize(
    "field", ["key", "bucket", "sequencer", "version"], ids=lambda field: f"surrogate in {field}"
)
def test_lone_surrogates(field: str) -> None:
    r"""JSON can say `\ud800`, UTF-8 cannot: kept, such a change would stop every later drain."""
    event = eventbridge()
    entity = event["detail"]["object"]
    match field:
        case "key":
            entity["key"] = "a\ud800.jpg"
        case "bucket":
            event["detail"]["bucket"]["name"] = "\udfff"
        case "sequencer":
            entity["sequencer"] = "\ud800"
        case "version":
            entity["version-id"] = "\ud800"
    with pytest.raises(MalformedEvent, match="UTF-8") as caught:
        parse(event)
    assert str(caught.value).encode()


@pytest.mark.parametrize("encoded", ["%ff.jpg", "a%C3.jpg", "%ED%A0%80"])
def test_keys_that_are_not_utf_8(encoded: str) -> None:
    """Decoding them leniently would purge the URL of another key."""
    with pytest.raises(MalformedEvent, match="not UTF-8"):
        parse({"Records": [s3(encoded_key=encoded)]})


def test_the_longest_key_and_one_byte_more() -> None:
    """1,024 bytes of UTF-8 is S3's limit; what claims more is no S3 event."""
    longest = "ü" * 512
    assert parse({"Records": [s3(longest)]})[0].key == longest
    for event in ({"Records": [s3(longest + "x")]}, eventbridge(longest + "x"), eventbridge("x" * 10**6)):
        with pytest.raises(MalformedEvent) as caught:
            parse(event)
        assert len(str(caught.value)) < 400, "the value is named, not repeated in full"


@pytest.mark.parametrize(
    ("event", "names"),
    [
        ({"Records": [s3(name="ObjectRestore:Completed")]}, "ObjectRestore:Completed"),
        ({"Records": [s3() | {"eventSource": "aws:dynamodb"}]}, "eventSource"),
        (eventbridge(kind="Object Tags Added"), "Object Tags Added"),
        (eventbridge() | {"source": "my.app"}, "my.app"),
        (eventbridge() | {"time": "yesterday"}, "yesterday"),
        ({"hello": 1}, "hello"),
        (in_sqs("not json"), "not json"),
        ({"keys": [{"bucket": "origin", "key": "a.jpg"}]}, "invoke the function"),
    ],
)
def test_the_error_names_the_value_at_fault(event: Event, names: str) -> None:
    """Whoever reads the log sees what was wrong without the message at hand."""
    with pytest.raises(MalformedEvent, match=names):
        parse(event)


def test_the_error_does_not_repeat_what_an_unknown_event_holds() -> None:
    """A mistyped manual purge may carry credentials in its URLs; errors end up in logs."""
    with pytest.raises(PurgeError) as caught:
        parse({"url": "https://user:hunter2@ik.imagekit.io/demo/a.jpg"})
    assert "hunter2" not in str(caught.value)
    assert "'url'" in str(caught.value)
