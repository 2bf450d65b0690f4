"""What nobody listed: wherever a prefix was not counted, something stands for the keys behind it."""

from hypothesis import example, given
from hypothesis import strategies as st

from purging.planning.neighbours import ListedRanges, Neighbours
from purging.urls import SharedPrefix

KEYS = st.text("ab/", min_size=1, max_size=4)
RANGES = st.lists(st.tuples(st.just("") | KEYS, KEYS | st.none()), max_size=4)


def listed(ranges: list[tuple[str, str | None]]) -> ListedRanges:
    """Ranges of everything after one key up to another one."""
    found = ListedRanges()
    for after, last in ranges:
        if last is None or last > after:
            found.add(after, last)
    return found


@given(
    st.sets(KEYS, min_size=2, max_size=5),
    RANGES,
    st.sampled_from(["", "a", "a/", "b"]),
    RANGES,
    st.booleans(),
)
@example({"aa", "ab"}, [("", None)], "a/", [], True)  # only the prefix shares the place
def test_a_prefix_that_was_not_counted_holds_something_unlisted(
    changed: set[str],
    here: list[tuple[str, str | None]],
    shared: str,
    there: list[tuple[str, str | None]],
    elsewhere: bool,
) -> None:
    """A wildcard over two changed keys is never taken to be free where a listing ended early."""
    found = Neighbours(ranges=listed(here))
    if elsewhere:
        place = SharedPrefix(shared, "other", "x/")
        inside = [(f"x/{after}", last and f"x/{last}") for after, last in there]
        found = found.with_shared(place, Neighbours(ranges=listed(inside)), changed)
    unlisted = found.unlisted(changed)
    for key in changed:
        for prefix in (key[:cut] for cut in range(1, len(key) + 1)):
            if sum(each.startswith(prefix) for each in changed) > 1 and not found.counted(prefix):
                assert any(each.startswith(prefix) for each in unlisted), prefix
