"""Change sets: what goes in comes out, under one id whatever the order, and within DynamoDB's limit."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purging.changes import Change, ObjectChange, UrlChange
from purging.ledger.changesets import MAX_BYTES, may_hold, pack, unpack

START = datetime(2030, 5, 15, 12, tzinfo=UTC)

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
times = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
changes = st.builds(
    ObjectChange,
    bucket=text,
    key=text,
    kind=st.sampled_from(["created", "removed"]),
    occurred_at=times,
    sequencer=st.text("0123456789ABCDEF"),
    version_id=st.none() | text,
) | st.builds(UrlChange, url=text, occurred_at=times)


@settings(deadline=None)
@given(st.lists(changes), st.booleans(), st.randoms())
def test_a_set_holds_its_changes_whatever_their_order(
    given_changes: list[Change], manual: bool, shuffler: random.Random
) -> None:
    """A redelivery in another order, with repeats, has the same id and blob, and so overwrites itself."""
    packed = list(pack(given_changes, manual=manual))
    again = given_changes + given_changes[:3]
    shuffler.shuffle(again)
    assert list(pack(again, manual=manual)) == packed
    unpacked = [unpack(set_id, blob, manual=manual) for set_id, blob in packed]
    assert {change for each in unpacked for change in each.changes} == set(given_changes)
    assert all(each.manual is manual for each in unpacked)


@given(st.lists(changes, min_size=1))
def test_a_set_may_hold_the_keys_that_it_holds(given_changes: list[Change]) -> None:
    """Whatever their characters; and not a key that is in no change."""
    [(_, blob)] = pack(given_changes, manual=False)
    assert all(may_hold(blob, each.key) for each in given_changes if isinstance(each, ObjectChange))
    assert not may_hold(blob, "".join(each.subject[1] for each in given_changes) + "/absent")


@pytest.mark.parametrize("count", [0, 1])
def test_no_changes_make_no_set(count: int) -> None:
    """An empty batch writes nothing."""
    assert (
        len(list(pack([UrlChange("https://ik.imagekit.io/demo/a.jpg", START)] * count, manual=False)))
        == count
    )


def test_different_changes_have_different_ids() -> None:
    """Else one would overwrite the other, and be lost."""
    variants: list[Change] = [
        ObjectChange("b", "k", "created", START),
        ObjectChange("b", "k", "removed", START),
        ObjectChange("b", "k", "created", START + timedelta(microseconds=1)),
        ObjectChange("b", "k", "created", START, "0A"),
        ObjectChange("b", "k", "created", START, "", "0A"),
        ObjectChange("b", "k2", "created", START),
        ObjectChange("b2", "k", "created", START),
        UrlChange("k", START),
    ]
    ids = {
        set_id
        for change in variants
        for manual in (True, False)
        for set_id, _ in pack([change], manual=manual)
    }
    assert len(ids) == 2 * len(variants)


def test_ids_sort_by_the_oldest_change() -> None:
    """What has waited longest is read first. A time without microseconds sorts before the next one with."""
    moments = [START + timedelta(milliseconds=step) for step in (0, 1, 999, 1000, 60_000)]
    ids = [
        next(pack([ObjectChange("b", "k", "created", later) for later in moments[at:]], manual=False))[0]
        for at in range(len(moments))
    ]
    assert ids == sorted(ids)


def test_a_huge_set_is_split_under_the_item_limit() -> None:
    """DynamoDB takes 400 KB an item; random keys hardly compress. The parts hold each change once."""
    dice = random.Random(1)
    many = [
        ObjectChange("b", dice.randbytes(500).hex(), "created", START + timedelta(seconds=n))
        for n in range(2000)
    ]
    packed = list(pack(many, manual=False))
    assert len(packed) > 1
    assert max(len(blob) for _, blob in packed) <= MAX_BYTES < 400_000 - 5_000
    found = [change for set_id, blob in packed for change in unpack(set_id, blob, manual=False).changes]
    assert len(found) == len(many)
    assert set(found) == set(many)
    dice.shuffle(many)
    assert list(pack(many, manual=False)) == packed, "the parts do not depend on the order either"


def test_a_full_batch_of_ordinary_keys_is_one_item() -> None:
    """A thousand messages of the queue cost one write."""
    batch = [
        ObjectChange("my-origin-bucket", f"products/{n:05}/front view.jpg", "created", START, f"{n:018X}")
        for n in range(1000)
    ]
    ((_, blob),) = pack(batch, manual=False)
    assert len(blob) < 30_000
