"""The table's items: what is written is read again, in transactions that DynamoDB takes."""

from itertools import zip_longest
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purging.items import Submitted, as_state, as_submitted, joined, submitted, submitted_sk, transactions

# From 1970 to 2286, where times have one digit more.
times = st.floats(0, 9_999_999_999).map(lambda time: round(time, 6))
text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
identities = st.binary(min_size=8, max_size=8)


@settings(deadline=None)
@given(
    st.builds(
        Submitted,
        request_id=text,
        url=text,
        submitted_at=times,
        identities=st.frozensets(identities).map(joined),
        sample=st.none() | text,
    )
)
def test_a_submitted_purge_round_trips(purge: Submitted) -> None:
    """To the last digit of its time, which is also its key."""
    item = submitted(purge)
    assert as_submitted(item) == purge
    assert item["sk"]["S"] == submitted_sk(purge.submitted_at, purge.request_id)
    assert float(item["sk"]["S"].partition("#")[0]) == pytest.approx(purge.submitted_at, abs=1e-6)


@given(st.frozensets(identities), identities)
def test_a_purge_knows_the_changes_it_was_made_for(made_for: frozenset[bytes], other: bytes) -> None:
    """Those, and no others."""
    purge = Submitted("id", "url", 0.0, joined(made_for))
    assert all(purge.made_for(each) for each in made_for)
    assert purge.made_for(other) is (other in made_for)


@settings(deadline=None)
@given(times, times)
def test_keys_sort_by_time(one: float, other: float) -> None:
    """A range of keys is a range of times."""
    if abs(one - other) > 1e-5:
        assert (submitted_sk(one) < submitted_sk(other)) is (one < other)
    else:
        assert submitted_sk(one)[:10] == submitted_sk(one, "id")[:10]


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=400))
def test_transactions_keep_the_order_within_the_limits(kinds: list[bool]) -> None:
    """At most 100 actions, and at most 10 of the large ones, which is 4 MB; as few as that allows."""
    actions: list[dict[str, Any]] = [
        {"Put": {"Item": {"blob": number}}} if is_set else {"Delete": {"Key": number}}
        for number, is_set in enumerate(kinds)
    ]
    parts = list(transactions(actions))
    assert [action for part in parts for action in part] == actions
    assert all(parts)
    for part, following in zip_longest(parts, parts[1:]):
        sets = sum("Put" in action for action in part)
        assert len(part) <= 100
        assert sets <= 10
        if following:
            assert len(part) == 100 or (sets == 10 and "Put" in following[0])


def test_an_empty_table_is_a_state_too() -> None:
    """The first drain ever finds nothing."""
    state = as_state([], "2030-05")
    assert (state.used, state.paused_until, state.failures, state.refused) == (0, 0.0, 0, frozenset())
    assert (dict(state.failing), state.untracked) == ({}, ())
