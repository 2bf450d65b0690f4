"""The benchmarks that `make bench` runs, and the arguments of each. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks import tables
from benchmarks.tables import Row

Command = tuple[str, ...]
"""A module and its arguments, for `python -m`."""

_HISTORIES = ("folders", "both", "singles")
_SCALES = ("idle", "1k", "100k", "10M")
_TRACES = ".local/bench"
"""The folder of the generated histories, from the project's root."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """`command` prints a JSON object for each row, and needs the commands `before`. `table` makes Markdown of
    the rows. `note` says what a reader must know about the table."""

    name: str
    title: str
    note: str
    command: Command
    table: Callable[[Sequence[Row]], str]
    before: tuple[Command, ...] = ()


def suite(*, long: bool) -> tuple[Benchmark, ...]:
    """The benchmarks in their order. With `long`, most of them have more runs."""
    runs = "15" if long else "5"
    return (
        Benchmark(
            "planner",
            "Planner",
            "Keys that changed are picked at random, which is the hardest case. CPU seconds are those of the "
            "fastest run.",
            (
                "benchmarks.planner",
                "--sizes",
                "10000,100000,1000000",
                "--runs",
                "5" if long else "1",
                "--json",
            ),
            tables.planner,
        ),
        Benchmark(
            "simulate",
            "Simulated months",
            "Generated histories of two months that are hard for a planner, with 1,000 purges a month. *To "
            "hindsight* is the ratio of the evictions to the fewest possible ones, in the worst month.",
            (
                "benchmarks.simulate",
                *(f"{_TRACES}/{kind}-1.jsonl.gz" for kind in _HISTORIES),
                "--unversioned",
                "--json",
            ),
            tables.simulate,
            before=tuple(
                ("benchmarks.simulate.generate", kind, "--seed", "1", "--out", _TRACES) for kind in _HISTORIES
            ),
        ),
        Benchmark(
            "throughput",
            "Throughput",
            "AWS answers from memory, ImageKit at once over HTTPS. Real seconds have the waits for ImageKit. "
            "Other work beside makes them longer.",
            (
                "benchmarks.throughput",
                *("--changes", "50000", "--calls", "1000"),
                *("--runs", "3" if long else "1", "--json"),
            ),
            tables.throughput,
        ),
        Benchmark(
            "cost",
            "Cost in AWS",
            "List prices in US dollars a month, without free tiers. One call an event needs a purge for each "
            "change.",
            ("benchmarks.cost", *(word for scale in _SCALES for word in ("--scale", scale)), "--json"),
            tables.cost,
        ),
        Benchmark(
            "polling",
            "First wait of TrackPurges",
            "Made-up times, 72 purges a day. Late are the seconds from Completed to seen Completed.",
            ("benchmarks.latency", "--polling", "--json"),
            tables.polling,
        ),
        Benchmark(
            "coldstart",
            "Cold starts",
            f"Medians of {runs} starts in AWS's runtime loop, with the whole processor. The peer makes one "
            "client and one session at import.",
            ("benchmarks.coldstart", "--runs", runs, "--json"),
            tables.coldstart,
        ),
        Benchmark(
            "latency",
            "Latency",
            "On the embedded stack, whose ImageKit completes a purge after 3 seconds and accepts 5 purges a "
            "second. All of it shares this machine. There is one burst, and on a busy machine bursts differ "
            "much.",
            ("benchmarks.latency", "--singles", runs, "--burst", "1000", "--json"),
            tables.latency,
        ),
        Benchmark(
            "console",
            "The console in a browser",
            "Chromium measures itself: first paint and first pictures since the visit began, and updates "
            "until they are painted. The page and its server are real, the stack behind them is pretended.",
            (
                "benchmarks.console",
                *("--runs", "5" if long else "2", "--updates", "40" if long else "20", "--json"),
            ),
            tables.console,
        ),
    )
