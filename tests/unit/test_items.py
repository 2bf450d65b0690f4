"""The table's items: what is written is read again, as it was."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purging.ledger.items import accepted, accepted_sk, as_accepted, as_state
from purging.purges import AcceptedPurge, joined

# From 1970 to 2286, where times have one digit more.
times = st.floats(0, 9_999_999_999).map(lambda time: round(time, 6))
text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
identities = st.binary(min_size=8, max_size=8)


@settings(deadline=None)
@given(
    st.builds(
        AcceptedPurge,
        request_id=text,
        url=text,
        submitted_at=times,
        identities=st.frozensets(identities).map(joined),
        sample=st.none() | text,
    )
)
def test_an_accepted_purge_round_trips(purge: AcceptedPurge) -> None:
    """To the last digit of its time, which is also its key."""
    (item,) = accepted(purge)
    assert as_accepted(item) == purge
    assert item["sk"]["S"] == accepted_sk(purge.submitted_at, purge.request_id)
    assert float(item["sk"]["S"].partition("#")[0]) == pytest.approx(purge.submitted_at, abs=1e-6)


@given(st.frozensets(identities), identities)
def test_a_purge_knows_the_changes_it_was_made_for(made_for: frozenset[bytes], other: bytes) -> None:
    """Those, and no others."""
    purge = AcceptedPurge("id", "url", 0.0, joined(made_for))
    assert all(purge.made_for(each) for each in made_for)
    assert purge.made_for(other) is (other in made_for)


@settings(deadline=None)
@given(times, times)
def test_keys_sort_by_time(one: float, other: float) -> None:
    """A range of keys is a range of times."""
    if abs(one - other) > 1e-5:
        assert (accepted_sk(one) < accepted_sk(other)) is (one < other)
    else:
        assert accepted_sk(one)[:10] == accepted_sk(one, "id")[:10]


def test_an_empty_table_is_a_state_too() -> None:
    """The first drain ever finds nothing."""
    state = as_state([], "2030-05")
    assert (state.used, state.paused_until, state.failures, state.refused) == (0, 0.0, 0, frozenset())
    assert (dict(state.failing), state.untracked) == ({}, ())
