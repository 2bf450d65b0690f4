"""Figures in the documents are those of benchmarks/RESULTS.md, and that file says what could not run."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import quotes
from benchmarks.__main__ import RESULTS, quote, quoting
from benchmarks.results import Outcome, document, tabulated
from benchmarks.suite import Benchmark, suite
from benchmarks.tables import Row, dollars, headline, table
from tests.unit.cloudformation import PROJECT

TABLE = quotes.block("speed", "| a |\n| --: |\n| 1 |")
OTHER = quotes.block("speed", "| a |\n| --: |\n| 2 |")
BODIES = st.text(st.sampled_from("ab |-:\n$\\1"), max_size=30)
LATENCY: list[Row] = [
    {"what": "put to accepted", "count": 5, "median": 0.314},
    {
        "what": "burst of 1,000 objects",
        "seconds_of_puts": 15.2,
        "last_put_to_all_accepted": 5.82,
        "purges": 1,
    },
]
COST: list[Row] = [
    {"changes": 0, "usd": 1.74, "peer": {"usd": 0.0012}},
    {"changes": 100_000, "usd": 15.79, "peer": {"usd": 94.66}},
]
COLDSTART: list[Row] = [
    {"handler": "SubmitPurge, a change", "both_to_peer": 1.77},
    {"handler": "SubmitPurge, a change, with bytecode", "both_to_peer": 1.31},
    {"imports": "of submit_purge"},
]


def _benchmark(name: str) -> Benchmark:
    return Benchmark(
        name,
        name.capitalize(),
        "A note.",
        (f"benchmarks.{name}", "--json"),
        lambda rows: table({"what": lambda row: row["what"]}, rows),
    )


# --- the documents of the project ---


@pytest.mark.parametrize("path", quoting(), ids=lambda path: str(path.relative_to(PROJECT)))
def test_each_quote_is_what_the_results_say(path: Path) -> None:
    """`python -m benchmarks --quote` repairs a quote that differs."""
    assert quotes.problems(path.read_text(), quotes.blocks(RESULTS.read_text())) == []


def test_the_documents_quote_figures() -> None:
    """The README and the record of cold starts do: otherwise the test above checks nothing."""
    assert "summary" in quotes.blocks((PROJECT / "README.md").read_text())
    assert "coldstart" in quotes.blocks((PROJECT / "docs/decisions/0018-cold-starts.md").read_text())


# --- quotes ---


def test_a_quote_that_differs_is_a_problem() -> None:
    """It names the block and the remedy. An equal quote is none, wherever it stands."""
    results = quotes.blocks(f"# Results\n\n{TABLE}\n")
    assert quotes.problems(f"Text\n\n{TABLE}\n\nText\n", results) == []
    (problem,) = quotes.problems(f"Text\n\n{OTHER}\n", results)
    assert "'speed' differs" in problem
    assert "--quote" in problem


def test_a_quote_that_the_results_lack_is_a_problem() -> None:
    """For example because its benchmark could not run."""
    assert quotes.problems(TABLE, {}) == ["RESULTS.md has no block 'speed'."]


@pytest.mark.parametrize(
    "text",
    [
        TABLE.replace("<!-- /results -->", ""),
        TABLE.replace("<!-- results: speed -->", ""),
        TABLE.replace("results: speed", "results: Speed!"),
        TABLE.replace("<!-- /results -->", f"\n{TABLE}"),
        f"In a line: {TABLE}",
    ],
    ids=["no end", "no beginning", "no name", "one in another", "not on a line of its own"],
)
def test_a_mark_without_its_other_half_is_a_problem(text: str) -> None:
    """It would hide a figure from the check."""
    (problem,) = quotes.problems(text, {"speed": ""})
    assert "<!-- results: NAME -->" in problem
    with pytest.raises(quotes.UnusableBlocks):
        quotes.requoted(text, {})


def test_the_results_have_each_block_once() -> None:
    """A document may quote one twice."""
    with pytest.raises(quotes.UnusableBlocks, match="speed"):
        quotes.blocks(f"{TABLE}\n\n{OTHER}\n")
    assert quotes.problems(f"{TABLE}\n\n{TABLE}\n", quotes.blocks(TABLE)) == []


@given(old=BODIES, new=BODIES, before=BODIES, after=BODIES)
def test_quoting_leaves_no_problem_and_no_other_change(old: str, new: str, before: str, after: str) -> None:
    """Whatever stood in the quote, and whatever stands around it."""
    results = quotes.blocks(quotes.block("speed", new))
    quoted = quotes.requoted(f"{before}\n{quotes.block('speed', old)}\n{after}", results)
    assert quoted == f"{before}\n{quotes.block('speed', new)}\n{after}"
    assert quotes.problems(quoted, results) == []


def test_quoting_rewrites_the_documents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It returns 1 if a document quotes what is not there, and leaves that quote as it is."""
    results, good, bad = (tmp_path / name for name in ("RESULTS.md", "good.md", "bad.md"))
    results.write_text(TABLE)
    good.write_text(f"Text\n\n{OTHER}\n")
    assert quote(results, [good]) == 0
    assert good.read_text() == f"Text\n\n{TABLE}\n"
    bad.write_text(TABLE.replace("speed", "size"))
    assert quote(results, [bad, good]) == 1
    assert bad.read_text() == TABLE.replace("speed", "size")
    assert "no block 'size'" in capsys.readouterr().err


# --- the text of the results ---


def test_a_benchmark_that_could_not_run_is_named() -> None:
    """At the top and in its section. The summary that needs it is missing, and the others are there."""
    good = tabulated(_benchmark("planner"), 1.0, [{"what": "a row"}])
    bad = Outcome(_benchmark("latency"), 1.0, failure="exit status 1: no stack")
    text = document({"date": "2026-11-30"}, [good, bad])
    assert "**These benchmarks could not run: latency.**" in text
    assert "**It could not run: exit status 1: no stack**" in text
    assert "**No summary: it needs latency, cost, coldstart.**" in text
    assert quotes.blocks(text).keys() == {"run", "planner"}


def test_all_results_are_blocks() -> None:
    """With the command of each benchmark beside it."""
    names: dict[str, list[Row]] = {"latency": LATENCY, "cost": COST, "coldstart": COLDSTART}
    outcomes = [Outcome(_benchmark(name), 1.0, rows, "| a |") for name, rows in names.items()]
    text = document({"date": "2026-11-30"}, outcomes)
    assert quotes.blocks(text).keys() == {"run", "summary", *names}
    assert "could not run" not in text
    assert ".venv/bin/python -m benchmarks.cost --json" in text


@pytest.mark.parametrize("rows", [[], [{"other": 1}]], ids=["no row", "other rows"])
def test_rows_that_do_not_fit_are_a_failure(rows: list[dict[str, int]]) -> None:
    """A benchmark whose rows have changed spoils no other table."""
    outcome = tabulated(_benchmark("planner"), 1.0, rows)
    assert "do not fit" in outcome.failure
    assert not outcome.table


def test_the_summary_has_the_figures_of_three_benchmarks() -> None:
    """Seconds of a lone change and of a burst, dollars beside the peer's, and the ratio of a cold start."""
    text = headline({"latency": LATENCY, "cost": COST, "coldstart": COLDSTART})
    money = ("| $1.74 | $0.0012 |", "| $15.79 | $94.66 |")
    for shown in ("0.31 s", "5.8 s, 1 purge |", *money, "| 1.77 | 1 |", "| 1.31 | 1 |"):
        assert shown in text


def test_numbers_are_short() -> None:
    """Three digits of a small number, no decimals of a large one, and a dash for none."""
    columns = {"name": lambda row: row["name"], "value": lambda row: row["value"]}
    rows = [{"name": "x", "value": value} for value in (12_345, 0.12345, 12.345, 1234.5, None)]
    shown = [line.split(" | ")[1].rstrip(" |") for line in table(columns, rows).splitlines()[2:]]
    assert shown == ["12,345", "0.123", "12.3", "1,234", "–"]
    assert dollars(0.0) == "$0.00"


def test_each_benchmark_of_the_suite_prints_json() -> None:
    """And each has a name of its own. The long form runs the same ones, with other arguments."""
    short, long = suite(long=False), suite(long=True)
    assert [benchmark.name for benchmark in short] == [benchmark.name for benchmark in long]
    assert [benchmark.command for benchmark in short] != [benchmark.command for benchmark in long]
    for benchmarks in (short, long):
        assert len({benchmark.name for benchmark in benchmarks}) == len(benchmarks)
        assert all(benchmark.command[-1] == "--json" for benchmark in benchmarks)
