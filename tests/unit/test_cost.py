"""The arithmetic of `python -m benchmarks.cost`: units by size, metrics by the hour, traces, transitions."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.cost import bill, peer, prices
from benchmarks.cost.aws import MeteredAws
from benchmarks.cost.machine import Execution, track_purges
from benchmarks.cost.units import metric_months, read_units, traces, write_units
from benchmarks.cost.usage import Usage
from benchmarks.throughput.aws import client
from local.fakes.dynamodb import Item
from purging.ledger.store import Ledger
from purging.ledger.table import Table
from purging.purges import AcceptedPurge


@pytest.mark.parametrize(("size", "units"), [(0, 1), (1, 1), (1024, 1), (1025, 2), (350_000, 342)])
def test_a_write_takes_a_unit_for_each_kilobyte_begun(size: int, units: int) -> None:
    """In a transaction it takes two. Even a write that fails takes one."""
    assert write_units(size) == units
    assert write_units(size, transaction=True) == 2 * units


@pytest.mark.parametrize(("size", "units"), [(0, 1), (4096, 1), (4097, 2), (1_000_000, 245)])
def test_a_query_takes_a_unit_for_each_four_kilobytes_of_all_items(size: int, units: int) -> None:
    """Half a unit if it need not be consistent. An empty answer costs as much as a small one."""
    assert read_units(size, consistent=True) == units
    assert read_units(size, consistent=False) == units / 2


@given(st.integers(0, 400_000), st.integers(0, 400_000))
def test_two_reads_never_cost_less_than_one_of_both(first: int, second: int) -> None:
    """Only the sum of a query is rounded, not each item."""
    together = read_units(first + second, consistent=True)
    assert together <= read_units(first, consistent=True) + read_units(second, consistent=True)


def test_a_metric_costs_for_the_hours_with_data() -> None:
    """As a part of a month; a slice shorter than an hour counts as one."""
    assert metric_months([0, 0, 1, 2], 6 * 3600) == 0.5
    assert metric_months([7], 60) == 1.0
    assert metric_months([0, 1], 3600) == 1.0
    assert metric_months([], 3600) == 0.0


def test_the_first_request_of_a_second_is_traced_and_a_part_of_the_others() -> None:
    """A tick a minute is always the first one."""
    assert traces([0.0, 60.0, 120.0], 0.05) == 3
    assert traces([5.0 + number / 100 for number in range(21)], 0.05) == pytest.approx(2)


class _Count:
    """AWS, of which only the units count."""

    def __init__(self) -> None:
        self.usage = Usage()
        self.started: list[str] = []
        aws = MeteredAws((), self.usage, lambda _service: _Nothing(), self.started.append, versioned=True)
        self.dynamodb: Any = client(aws.call, "dynamodb")

    def taken(self) -> dict[str, float]:
        """The units by reason."""
        return {reason: amount for _, reason, amount, _ in self.usage.lines()}


class _Nothing:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_error: object) -> None:
        pass


def _item(sk: str, size: int) -> Item:
    return {"pk": {"S": "pending"}, "sk": {"S": sk}, "blob": {"B": b"x" * size}, "manual": {"BOOL": False}}


def test_a_deletion_costs_what_it_deletes() -> None:
    """And the deletion of nothing costs a unit."""
    aws = _Count()
    table = Table("ledger", aws.dynamodb)
    table.put(_item("a", 5000))
    table.delete({"pk": {"S": "pending"}, "sk": {"S": "a"}})
    assert aws.taken() == {"PutItem pending": 5, "DeleteItem pending": 5}
    table.delete({"pk": {"S": "pending"}, "sk": {"S": "a"}})
    assert aws.taken()["DeleteItem pending"] == 6


def test_the_larger_item_counts_when_one_replaces_another() -> None:
    """DynamoDB counts the size before or after the write, whichever is larger."""
    aws = _Count()
    table = Table("ledger", aws.dynamodb)
    table.put(_item("a", 5000))
    table.put(_item("a", 10))
    assert aws.taken() == {"PutItem pending": 10}


def test_a_write_whose_condition_fails_costs_as_well() -> None:
    """Two drains ask for the lease. One gets it, and the other one leaves word: each write costs a unit."""
    aws = _Count()
    lease = Ledger("ledger", aws.dynamodb).lease
    assert lease.acquire("one", 0.0, 60.0)
    assert not lease.acquire("two", 1.0, 60.0)
    assert aws.taken() == {"UpdateItem state lease": 3}


def test_a_projection_saves_no_read_units() -> None:
    """The ids of change sets cost as much as the whole sets."""
    aws = _Count()
    table = Table("ledger", aws.dynamodb)
    for number in range(3):
        table.put(_item(f"{number}", 4000))
    list(table.query("pending"))
    list(table.query("pending", ProjectionExpression="sk"))
    taken = aws.taken()
    assert taken["Query pending"] == taken["Query pending (ids only)"] == 3


def test_an_accepted_purge_costs_a_transaction_of_two_items() -> None:
    """Each item takes two units: the purge, and the mark that it is untracked."""
    aws = _Count()
    Ledger("ledger", aws.dynamodb).accept(
        [AcceptedPurge("0" * 24, "https://ik.imagekit.io/demo/a.jpg*", 1.0)]
    )
    assert aws.taken() == {"TransactWriteItems submitted": 2, "TransactWriteItems state untracked": 2}


_POLLS = {
    "StartAt": "Wait",
    "States": {
        "Wait": {"Type": "Wait", "Seconds": "{% 5 * $states.input.slowness %}", "Next": "Ask"},
        "Ask": {
            "Type": "Task",
            "Arguments": {"Payload": {"at": "{% $millis() %}"}},
            "Assign": {"left": "{% $states.result.Payload.left %}"},
            "Next": "Done?",
        },
        "Done?": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $count($left) = 0 %}", "Next": "Done"}],
            "Default": "Wait",
        },
        "Done": {"Type": "Succeed"},
    },
}
"""It asks each 10 seconds if the input has the slowness 2."""


def _walk(execution: Execution, clock: list[float]) -> str:
    """Walk to the end. The first item of `clock` is the time."""
    steps = execution.run()
    while True:
        try:
            clock[0] += next(steps)
        except StopIteration as end:
            return str(end.value)


def test_each_state_that_is_entered_is_a_transition() -> None:
    """Three for each of three checks, and the end. The machine's own time is virtual."""
    clock, asked = [1.0], []

    def call(payload: Any) -> Any:
        asked.append(payload["at"])
        return {"left": ["a purge"] if clock[0] < 31.0 else []}

    execution = Execution(_POLLS, {"slowness": 2}, lambda: clock[0], call)
    assert _walk(execution, clock) == "Done"
    assert asked == [11_000, 21_000, 31_000]
    assert execution.transitions == 3 * 3 + 1


@pytest.mark.parametrize(
    ("seconds", "end"), [(0, "Completed"), (180, "Completed"), (1e9, "PurgeDeadlineExceeded")]
)
def test_track_purges_itself_can_be_walked(seconds: float, end: str) -> None:
    """To its end at the first check, at a later one, or after the deadline."""
    clock, checks = [0.0], 0

    def check(payload: Any) -> Any:
        nonlocal checks
        checks += 1
        return {"purges": [] if clock[0] >= seconds else payload["purges"]}

    purges = [{"request_id": "1", "url": "https://x/a.jpg", "reason": "Pending"}]
    execution = Execution(track_purges(), {"purges": purges}, lambda: clock[0], check)
    assert _walk(execution, clock) == end
    assert checks >= 1
    assert execution.transitions > checks


def test_every_price_has_a_source_and_says_how_sure_it_is() -> None:
    """A price without a link could not be checked again."""
    listed = prices.load()
    assert listed.date
    for name, price in listed.prices.items():
        assert price.source.startswith("https://aws.amazon.com/"), name
        assert price.checked in ("vendor page", "third party", "memory"), name
        assert price.of(price.per) == pytest.approx(price.usd), name
    assert json.loads(prices.FILE.read_text())["assumptions"].keys() == listed.reasons.keys()


def test_an_unknown_assumption_is_refused() -> None:
    """The error names it, and those that are known."""
    with pytest.raises(KeyError, match=r"no assumption completion; known are .*completion_seconds"):
        prices.load(completion=1.0)


def test_the_bill_adds_up() -> None:
    """Each service is the sum of its lines, and the largest line comes first."""
    usage = Usage()
    usage.add("sqs_request", 1_000_000, "one")
    usage.add("sqs_request", 2_000_000, "two")
    usage.add("lambda_request", 1_000_000, "three")
    lines = bill.lines(usage.scaled(2), prices.load())
    assert [line.reason for line in lines] == ["two", "one", "three"]
    assert bill.by_service(lines) == pytest.approx({"SQS": 2.4, "Lambda": 0.4})
    assert bill.total(lines) == pytest.approx(2.8)


def test_the_alarms_are_those_of_the_template() -> None:
    """Two of them watch the rule, which only existing buckets have."""
    assert bill.alarms(existing_buckets=True) == bill.alarms(existing_buckets=False) + 2


def test_one_call_an_event_costs_an_execution_for_each_change() -> None:
    """12 polls of 3 states in a minute, and the end. Over the quota, a change is only a refused call."""
    listed = prices.load(completion_seconds=60, peer_poll_seconds=5)
    assert peer.usage(1000, listed).total("states_transition") == 37_000
    assert peer.usage(1000, listed).total("lambda_request") == 1000 + 12_000
    assert peer.usage(1000, listed, 100).total("states_transition") == 3700
    assert peer.usage(1000, listed, 100).total("lambda_request") == 1000 + 1200
