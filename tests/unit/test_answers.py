"""The answers to questions, from made-up facts."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from math import inf
from typing import Any

import pytest

from purging.answers.explanation import as_answer, findings
from purging.answers.reading import Backlog, Conditions, ObjectFacts, StackFacts, reaches
from purging.answers.status import status
from purging.answers.why import BROWSERS, why
from purging.changes import Change, ObjectChange
from purging.events.questions import NamedObject
from purging.ledger.inspection import Timing
from purging.ledger.records import Hold, State
from purging.purges import AcceptedPurge, FailingUrl, Need
from purging.settings import Settings
from purging.urls import UrlMap

ENDPOINT = "https://ik.imagekit.io/demo"
NOW = datetime(2030, 5, 16, 12, tzinfo=UTC).timestamp()  # half of the month is over
SETTINGS = Settings(UrlMap.parse(f"origin={ENDPOINT}", ["tr:w-300"]), "ledger", "arn:secret")
NAMED = NamedObject("origin", "a/x.jpg")
URL, SMALL = f"{ENDPOINT}/a/x.jpg", f"{ENDPOINT}/tr:w-300/a/x.jpg"


def conditions(state: State | None = None, *, first: str = "set", **more: Any) -> Conditions:
    return Conditions(NOW, state or State(), first, **more)


def change(ago: float = 60.0) -> tuple[Change, bool]:
    return ObjectChange("origin", "a/x.jpg", "created", datetime.fromtimestamp(NOW - ago, UTC)), False


def purge(url: str, ago: float, completed: float | None = 30.0) -> AcceptedPurge:
    at = NOW - ago
    return AcceptedPurge("id", url, at, completed_at=None if completed is None else at + completed)


def explained(facts: ObjectFacts, settings: Settings = SETTINGS) -> dict[str, Any]:
    """The answer, as JSON brings it to the caller."""
    found = findings(NAMED, facts, settings)
    answer: dict[str, Any] = json.loads(json.dumps(as_answer(found, why(found)), allow_nan=False))
    return answer


def reasons(state: State, *, first: str = "set", **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = status(
        StackFacts(conditions(state, first=first, **more), Backlog()), SETTINGS
    )["held"]
    return found


# --- the status ---


def test_an_empty_ledger_has_a_status() -> None:
    """Everything is there, as JSON: nothing is pending, and the pace is that of a quota that lasts."""
    answer = status(StackFacts(conditions(first=""), Backlog()), SETTINGS)
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    assert (answer["quota"]["left_for_changes"], answer["quota"]["reserve"]) == (900, 100)
    assert (answer["held"], answer["pause"], answer["at_least"]) == ([], None, [])
    assert answer["pending"]["oldest_seconds"] is None
    assert answer["purges"]["median_seconds_to_completed"] is None


def test_no_secret_and_no_resource_is_in_the_settings() -> None:
    """Neither the ARN of the secret nor the name of the table."""
    settings = replace(SETTINGS, ledger_table="the-table", secret_arn="the-secret")
    text = json.dumps(status(StackFacts(conditions(), Backlog()), settings))
    assert "the-table" not in text
    assert "the-secret" not in text
    assert f"origin={ENDPOINT}" in text


def test_the_pace_tells_when_the_quota_ends() -> None:
    """At the pace of 600 purges in half a month, 300 last for a half of the other half."""
    state = State(used=600, need=Need(600.0, 900.0), need_before=Need(1200.0, inf))
    quota = status(StackFacts(conditions(state), Backlog()), SETTINGS)["quota"]
    assert quota["left_for_changes"] == 300
    assert quota["expected_at_least"] == pytest.approx(600, rel=0.1)
    assert quota["expected_without_needless_evictions"] is None
    assert quota["ends_at"].startswith("2030-05-2")
    lasting = replace(state, used=10, need=Need(10.0, 10.0), need_before=Need(20.0, 20.0))
    assert status(StackFacts(conditions(lasting), Backlog()), SETTINGS)["quota"]["ends_at"] is None


def test_numbers_that_may_be_larger_are_named() -> None:
    """And the changes of what was counted let estimate those of all change sets."""
    backlog = Backlog(400, 50_000, 40_000, 20, NOW - 9, all_sets=False, all_changes=False)
    answer = status(StackFacts(conditions(), backlog, all_timings=False), SETTINGS)
    assert {"pending.change_sets", "pending.changes", "pending.objects"} < set(answer["at_least"])
    assert "purges.in_flight" in answer["at_least"]
    assert answer["pending"]["estimated_changes"] == 1_000_000
    assert answer["pending"]["oldest_seconds"] == 9.0
    for path in answer["at_least"]:
        part, name = path.split(".")
        assert name in answer[part]


def test_purges_are_counted_by_what_became_of_them() -> None:
    """In flight; never seen Completed, as nobody follows them any longer; Completed within the last day."""
    timings = (
        Timing("d", NOW - 10, None),
        Timing("c", NOW - 100, None),
        Timing("b", NOW - 1000, NOW - 960),
        Timing("a", NOW - 2000, NOW - 1980),
        Timing("lost", NOW - 10_000, None),
        Timing("yesterday", NOW - 87_000, NOW - 86_000),
        Timing("before", NOW - 87_000, NOW - 86_900),
    )
    purges = status(StackFacts(conditions(), Backlog(), timings), SETTINGS)["purges"]
    assert (purges["in_flight"], purges["oldest_in_flight"]) == (2, "c")
    assert purges["oldest_in_flight_seconds"] == 100.0
    assert purges["never_seen_completed"] == 1
    assert (purges["accepted_last_day"], purges["completed_last_day"]) == (5, 3)
    assert purges["median_seconds_to_completed"] == 40.0


@pytest.mark.parametrize(
    ("state", "more", "reason", "until"),
    [
        (State(used=900), {}, "quota", "2030-06-01T00:00:00+00:00"),
        (
            State(paused_until=NOW + 30, failures=3, pause_reason="502"),
            {},
            "paused",
            "2030-05-16T12:00:30+00:00",
        ),
        (State(exhausted=True, paused_until=NOW + 60), {}, "quota", "2030-05-16T12:01:00+00:00"),
        (State(hold=Hold(NOW + 90, "set", 7, 900)), {}, "held", "2030-05-16T12:01:30+00:00"),
        (
            State(failing={URL: FailingUrl(2, NOW + 120, NOW, NOW)}),
            {},
            "failing",
            "2030-05-16T12:02:00+00:00",
        ),
        (State(), {"key_refused_at": NOW - 5}, "key refused", None),
    ],
)
def test_why_and_until_when_changes_are_held(
    state: State, more: dict[str, Any], reason: str, until: str | None
) -> None:
    """Each reason that the ledger shows; none of them holds anything if nothing is pending."""
    [found] = reasons(state, **more)
    assert (found["reason"], found["until"]) == (reason, until)
    assert found["detail"].endswith(".") or state.pause_reason in found["detail"]
    assert reasons(state, first="", **more) == []


@pytest.mark.parametrize(
    "hold",
    [Hold(NOW - 1, "set", 7, 900), Hold(NOW + 90, "another", 7, 900), Hold(NOW + 90, "set", 7, 1800)],
)
def test_a_hold_that_is_over_holds_nothing(hold: Hold) -> None:
    """Its time is over, other changes came, or the quota was changed."""
    assert reasons(State(hold=hold)) == []


def test_the_latest_failures_are_shown_first_and_not_all() -> None:
    """A thousand failing URLs do not fill the answer."""
    failing = {f"{ENDPOINT}/{n}.jpg": FailingUrl(n, NOW + n, NOW + n, NOW) for n in range(1000)}
    answer = status(StackFacts(conditions(State(failing=failing)), Backlog()), SETTINGS)["failing"]
    assert answer["count"] == 1000
    assert [each["attempts"] for each in answer["urls"]] == list(range(999, 979, -1))


# --- the explanation ---


@pytest.mark.parametrize(
    ("purged", "url", "expected"),
    [(URL, URL, True), (f"{URL}*", URL, True), (f"{ENDPOINT}/a/*", URL, True), (f"{URL}?tr=w-1", URL, False)],
)
def test_which_purge_reaches_a_url(purged: str, url: str, expected: bool) -> None:
    """Its own exact one, and a wildcard on a prefix."""
    assert reaches(purged, url) == expected


def test_an_object_that_is_not_served_or_ignored() -> None:
    """The settings are the reason, and the answer names what to correct."""
    elsewhere = replace(SETTINGS, url_map=UrlMap.parse(f"other={ENDPOINT}"))
    answer = explained(ObjectFacts(conditions(first="")), elsewhere)
    assert (answer["served"], answer["urls"]) == (False, [])
    assert "No entry of UrlMap serves the key 'a/x.jpg' of the bucket 'origin'" in answer["why"]
    answer = explained(ObjectFacts(conditions(first="")), replace(SETTINGS, ignore_keys=("*.tmp", "a/*")))
    assert answer["ignored_by"] == "a/*"
    assert "The pattern 'a/*' of IgnoreKeys matches the key" in answer["why"]


def test_every_url_with_the_last_purge_that_covers_it() -> None:
    """Plain and path transformation; by which wildcard, accepted when, and in which state."""
    wide = purge(f"{ENDPOINT}/a/*", 100.0)
    last = {URL: wide, f"{URL}?": wide, SMALL: purge(SMALL, 50.0, completed=None)}
    answer = explained(ObjectFacts(conditions(first=""), last=last))
    plain, small = answer["urls"]
    assert (plain["url"], plain["purged_as"], plain["transformation"]) == (URL, f"{URL}*", "")
    assert plain["last_purge"] == {
        "request_id": "id",
        "url": f"{ENDPOINT}/a/*",
        "state": "Completed",
        "accepted_at": "2030-05-16T11:58:20+00:00",
        "completed_at": "2030-05-16T11:58:50+00:00",
    }
    assert plain["last_purge_of_variants"] == plain["last_purge"]
    assert (small["last_purge"]["state"], small["last_purge_of_variants"]) == ("in flight", None)
    assert f"No purge of the last 40 days covers variants such as {SMALL}?tr=w-300." in answer["why"]
    assert f"The last purge is that of {SMALL}" in answer["why"]
    assert "was not seen to complete it yet" in answer["why"]


def test_a_purge_that_nobody_follows_any_longer() -> None:
    """It is not said to be in flight for ever."""
    last = {url: purge(f"{ENDPOINT}/*", 90_000.0, completed=None) for url in (URL, SMALL)}
    answer = explained(ObjectFacts(conditions(first=""), last=last))
    assert answer["urls"][0]["last_purge"]["state"] == "never seen Completed"
    assert "purge the key by hand, and give the request id" in answer["why"]


def test_all_is_purged() -> None:
    """Then the browser is left, and other URLs, and an event that did not come."""
    last = {url: purge(f"{url}*", 600.0) for url in (URL, SMALL)}
    text = explained(ObjectFacts(conditions(first=""), last=last))["why"]
    assert "the last purge of every URL is Completed" in text
    assert "EventBridge" in text
    assert text.endswith(BROWSERS)


def test_no_purge_is_known() -> None:
    """The event did not come, or the object was new. If not all could be searched, the answer says so."""
    facts = ObjectFacts(conditions(first=""))
    assert "no purge of the last 40 days covers any of its URLs" in explained(facts)["why"]
    some = replace(facts, all_purges=False, searched_all=False)
    text = explained(some)["why"]
    assert "earlier ones could not be searched in time" in text
    assert "one of this object may be among them" in text
    one = replace(facts, last={URL: purge(URL, 600.0)})
    assert f"no purge of the last 40 days covers {SMALL}" in explained(one)["why"]


@pytest.mark.parametrize(
    ("state", "more", "says"),
    [
        (State(), {}, "The next drain takes it, within a minute."),
        (State(), {"lease_until": NOW + 60}, "A drain is at work now, and takes it."),
        (State(), {"lease_until": NOW - 1}, "The next drain takes it, within a minute."),
        (State(used=900), {}, "this month are used. The next attempt comes by 2030-06-01 00:00:00 UTC."),
        (State(hold=Hold(NOW + 90, "set", 7, 900)), {}, "7 changed objects wait for more changes"),
        (
            State(failing={f"{URL}*": FailingUrl(4, NOW + 60, NOW, NOW)}),
            {},
            f"no usable answer to 4 purges of {URL}*",
        ),
        (State(failing={f"{URL}?*": FailingUrl(4, NOW + 60, NOW, NOW)}), {}, "no usable answer to 4 purges"),
    ],
)
def test_a_pending_change_and_why_it_is_held(state: State, more: dict[str, Any], says: str) -> None:
    """A change is pending, and no purge came after it."""
    last = {url: purge(f"{url}*", 600.0) for url in (URL, SMALL)}
    answer = explained(ObjectFacts(conditions(state, **more), (change(),), last=last))
    assert "The change of 2030-05-16 11:59:00 UTC is still pending" in answer["why"]
    assert says in answer["why"]
    [pending] = answer["pending"]
    assert pending == {"kind": "created", "occurred_at": "2030-05-16T11:59:00+00:00", "manual": False}
    assert not answer["covered"]


def test_the_failing_url_of_another_object_is_none_of_its_own() -> None:
    """Nor does a URL hold it that only begins with its URL."""
    state = State(failing={f"{URL}.bak": FailingUrl(4, NOW + 60, NOW, NOW)})
    answer = explained(ObjectFacts(conditions(state), (change(),)))
    assert (answer["held"], answer["urls"][0]["failing"]) == ([], None)


def test_a_manual_purge_may_use_the_reserve() -> None:
    """What changes have used up does not hold it."""
    (asked_for, _) = change()
    facts = ObjectFacts(conditions(State(used=900)), ((asked_for, True),))
    assert explained(facts)["held"] == []
    assert explained(replace(facts, conditions=conditions(State(used=1000))))["held"] != []


def test_a_pending_change_that_is_covered_already_is_not_held() -> None:
    """Its purges were accepted after it; the drain has only not taken it out yet."""
    last = {url: purge(f"{url}*", 20.0, completed=None) for url in (URL, SMALL)}
    answer = explained(ObjectFacts(conditions(State(used=900)), (change(60.0),), last=last))
    assert answer["covered"]
    assert answer["held"] == []
    assert "still pending" not in answer["why"]


def test_a_pending_change_whose_variants_were_purged_one_by_one() -> None:
    """Objects with keys that begin alike take three purges each, which together cover the change."""
    parts = [f"{url}{part}" for url in (URL, SMALL) for part in ("", "/ik-*", "?*")]
    last = {part.removesuffix("*"): purge(part, 20.0) for part in parts}
    facts = ObjectFacts(conditions(), (change(60.0),), last=last)
    assert explained(facts)["covered"]
    for part in last:
        fewer = {name: made for name, made in last.items() if name != part}
        assert not explained(replace(facts, last=fewer))["covered"]


def test_urls_of_the_endpoint_were_given_up() -> None:
    """The ledger does not name them, so the answer says where they stand."""
    answer = explained(ObjectFacts(conditions(first=""), given_up={ENDPOINT: NOW - 60}))
    assert answer["urls"][0]["endpoint_given_up_at"] == "2030-05-16T11:59:00+00:00"
    assert f"URLs of {ENDPOINT} were given up" in answer["why"]


def test_a_dry_run_and_a_refused_wildcard() -> None:
    """Both explain why variants, or everything, stay old."""
    facts = ObjectFacts(conditions(State(refused=frozenset({f"{URL}*"})), first=""))
    answer = explained(facts, replace(SETTINGS, dry_run=True))
    assert answer["urls"][0]["wildcard_refused"]
    assert answer["urls"][0]["purged_as"] == URL
    assert "DryRun=true" in answer["why"]
    assert "ImageKit refused the wildcard of some variants" in answer["why"]


@pytest.mark.parametrize(
    ("key", "stale"),
    [
        (".png", True),
        ("..png", True),
        ("logo", True),
        ("dots..jpg", False),
        ("a/logo", False),
        ("dir/", False),
    ],
)
def test_variants_that_no_wildcard_can_purge_are_told(key: str, stale: bool) -> None:
    """All else may be fine: nothing is pending, and the plain URL is fresh."""
    settings = replace(SETTINGS, url_map=UrlMap.parse(f"origin={ENDPOINT}"))
    found = findings(NamedObject("origin", key), ObjectFacts(conditions(first="")), settings)
    assert (f"so short a path as that of {ENDPOINT}/{key}" in why(found)) is stale
    exact = findings(found.named, found.facts, replace(settings, query_variants=False))
    assert "so short a path" not in why(exact)
