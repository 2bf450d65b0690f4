"""Each page gets everything once, then what changed, at its own pace."""

import asyncio
from calendar import timegm
from typing import Any

from local.console.feed import Feed
from local.console.gauge import Throttling, gauge, month_part


def test_an_update_has_what_changed_since_a_version() -> None:
    """Rows that stayed equal are not in it; a row that went away is None."""
    feed = Feed()
    feed.replace("objects", {"a": {"n": 1}, "b": {"n": 1}})
    first, version = feed.since(0)
    assert first["objects"] == {"a": {"n": 1}, "b": {"n": 1}}
    feed.replace("objects", {"a": {"n": 1}, "c": {"n": 1}})
    feed.set_value("price", 2)
    update, later = feed.since(version)
    assert update == {"objects": {"b": None, "c": {"n": 1}}, "values": {"price": 2}}
    feed.replace("objects", {"a": {"n": 1}, "c": {"n": 1}})
    feed.set_value("price", 2)
    assert feed.since(later) == ({}, later)


def test_a_new_page_gets_no_rows_that_are_gone() -> None:
    """It never had them."""
    feed = Feed()
    feed.set_rows("purges", {"a": {"n": 1}, "b": {"n": 1}})
    feed.set_rows("purges", {"a": None})
    assert feed.since(0)[0]["purges"] == {"b": {"n": 1}}


def test_pages_follow_until_the_feed_is_closed() -> None:
    """Changes in between come as one update, from whatever thread; the end of the feed ends every stream."""

    async def scenario() -> list[dict[str, Any]]:
        feed = Feed()
        feed.set_value("n", 0)
        seen = []
        async for update in feed.follow():
            seen.append(update.get("values", {}))
            if len(seen) == 1:
                await asyncio.to_thread(feed.set_value, "n", 1)
                await asyncio.to_thread(feed.set_value, "n", 2)
            else:
                feed.close()
        return seen

    assert asyncio.run(asyncio.wait_for(scenario(), 60)) == [{"n": 0}, {"n": 2}]


def test_the_gauge_stands_beside_the_month() -> None:
    """In the middle of a month of 30 days, half of it is over; and no part is above 1."""
    noon = timegm((2026, 11, 16, 0, 0, 0))
    quota = {
        "used": 1200,
        "monthly": 1000,
        "reserve": 100,
        "left_for_changes": 0,
        "month": "2026-11",
        "ends_at": None,
        "expected_at_least": 0.0,
    }
    shown = gauge({"quota": quota, "pause": None}, noon)
    assert (shown["used_part"], shown["reserve_part"], shown["month_part"]) == (1.0, 0.1, 0.5)
    assert (shown["used_up"], shown["refused"]) == (True, False)
    assert month_part(timegm((2026, 11, 1, 0, 0, 0))) == 0.0


def test_the_gauge_knows_that_imagekit_says_the_quota_is_used_up() -> None:
    """Whatever the ledger counts: somebody else of the account may have used it."""
    quota = {
        "used": 10,
        "monthly": 1000,
        "reserve": 100,
        "left_for_changes": 890,
        "month": "2026-11",
        "ends_at": None,
        "expected_at_least": 0.0,
    }
    for exhausted in (True, False):
        shown = gauge({"quota": quota, "pause": {"quota_exhausted": exhausted}}, 0.0)
        assert (shown["used_up"], shown["refused"]) == (exhausted, exhausted)


def test_imagekit_throttles_until_it_answers_otherwise() -> None:
    """What it counted before the console looked says nothing about now."""
    throttling = Throttling()
    assert [
        throttling.seen(answers)
        for answers in (
            {"rate-limited": 5},
            {"rate-limited": 5},
            {"rate-limited": 5, "fault 429": 1},
            {"rate-limited": 5, "fault 429": 1},
            {"rate-limited": 5, "fault 429": 1, "accepted": 1},
            {"rate-limited": 5, "fault 429": 1, "accepted": 1},
        )
    ] == [False, False, True, True, False, False]
