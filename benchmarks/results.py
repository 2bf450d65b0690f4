"""Puts the text of RESULTS.md together. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks import tables
from benchmarks.quotes import block
from benchmarks.suite import Benchmark, Command
from benchmarks.tables import Row

_SUMMARISED = ("latency", "cost", "coldstart")
"""The benchmarks that the summary needs."""

_HEAD = """\
# Results

`make bench` wrote this file. Do not edit it. `python -m benchmarks --quote` copies its blocks to the
documents that quote them."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a benchmark: its rows and their table, or in `failure` the reason why there are none."""

    benchmark: Benchmark
    seconds: float
    rows: Sequence[Row] = ()
    table: str = ""
    failure: str = ""


def tabulated(benchmark: Benchmark, seconds: float, rows: Sequence[Row]) -> Outcome:
    """The outcome of a benchmark that printed these rows. It is a failure if the table cannot show them."""
    try:
        return Outcome(benchmark, seconds, rows, benchmark.table(rows))
    except (LookupError, TypeError, ValueError) as error:
        reason = f"its rows do not fit the table: {type(error).__name__}: {error}"
        return Outcome(benchmark, seconds, failure=reason)


def document(facts: Mapping[str, str], outcomes: Sequence[Outcome]) -> str:
    """The text of RESULTS.md. `facts` are about the run and its machine, by their names."""
    parts = [_HEAD, *_failures(outcomes), "## The run", _facts(facts), "## Summary", _summary(outcomes)]
    for outcome in outcomes:
        parts += [f"## {outcome.benchmark.title}", *_section(outcome)]
    return "\n\n".join(parts) + "\n"


def _failures(outcomes: Sequence[Outcome]) -> list[str]:
    failed = [outcome.benchmark.name for outcome in outcomes if outcome.failure]
    return [f"**These benchmarks could not run: {', '.join(failed)}.**"] if failed else []


def _facts(facts: Mapping[str, str]) -> str:
    return block(
        "run",
        "\n".join(["| | |", "| :-- | :-- |", *(f"| {name} | {fact} |" for name, fact in facts.items())]),
    )


def _summary(outcomes: Sequence[Outcome]) -> str:
    rows = {outcome.benchmark.name: outcome.rows for outcome in outcomes if not outcome.failure}
    if lacking := [name for name in _SUMMARISED if name not in rows]:
        return f"**No summary: it needs {', '.join(lacking)}.**"
    return block("summary", tables.headline(rows))


def _section(outcome: Outcome) -> list[str]:
    benchmark = outcome.benchmark
    commands = "\n".join(map(_typed, (*benchmark.before, benchmark.command)))
    how = f"```sh\n{commands}\n```"
    if outcome.failure:
        return [how, f"**It could not run: {outcome.failure}**"]
    return [
        f"{benchmark.note} It took {outcome.seconds:.0f} s.",
        how,
        block(benchmark.name, outcome.table),
    ]


def _typed(command: Command) -> str:
    return " ".join([".venv/bin/python -m", *command])
