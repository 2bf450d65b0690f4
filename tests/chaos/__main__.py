"""``python -m tests.chaos``: runs seeds and prints the violated invariants."""

# ruff: noqa: T201 - a command-line tool prints
import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from textwrap import fill

sys.path.insert(0, str(Path(__file__).parents[2] / "functions"))
for _name, _value in {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "POWERTOOLS_METRICS_NAMESPACE": "ImageKitS3Purge",
    "POWERTOOLS_SERVICE_NAME": "imagekit-s3-purge",
}.items():
    os.environ[_name] = _value
os.environ.pop("AWS_PROFILE", None)

from tests.chaos import faults  # noqa: E402 - the functions read the environment at import
from tests.chaos.audit_log import INVARIANTS  # noqa: E402
from tests.chaos.mutants import MUTANTS, mutated  # noqa: E402
from tests.chaos.run import Result, run  # noqa: E402
from tests.chaos.schedule import Schedule, generate  # noqa: E402
from tests.chaos.shrink import as_text, shrink  # noqa: E402


def main(argv: Sequence[str]) -> int:
    """Returns 0 if every invariant held for every seed, otherwise 1."""
    options = _parse(argv)
    began = time.monotonic()
    seeds = options.seeds or [options.seed]
    broken = 0
    purges = calls = 0
    with ProcessPoolExecutor(options.jobs) as pool:
        for number, (seed, result) in enumerate(
            pool.map(_run_seed, ((seed, options) for seed in seeds), chunksize=1), start=1
        ):
            purges += result.counts["purges"]
            calls += result.counts["calls"]
            if result.violations:
                broken += 1
                _report(seed, result, options)
            if sys.stderr.isatty() or number % 20 == 0:
                end = "\r" if sys.stderr.isatty() else "\n"
                print(f"{number}/{len(seeds)} seeds, {broken} broken", end=end, file=sys.stderr, flush=True)
    print(
        f"{len(seeds)} x {options.changes} changes, {purges} purges, {calls} calls: "
        f"{broken} of {len(seeds)} broke an invariant, {time.monotonic() - began:.0f} s"
    )
    return 1 if broken else 0


def _run_seed(order: tuple[int, argparse.Namespace]) -> tuple[int, Result]:
    seed, options = order
    with mutated(options.mutant):
        return seed, _run_once(_schedule(seed, options), options)


def _schedule(seed: int, options: argparse.Namespace) -> Schedule:
    schedule = generate(seed, options.changes, options.faults)
    return schedule.first(
        len(schedule.steps) if options.first_steps is None else options.first_steps,
        len(schedule.faults) if options.first_faults is None else options.first_faults,
    )


def _run_once(schedule: Schedule, options: argparse.Namespace) -> Result:
    return run(schedule, socket=options.transport == "socket", moto=options.aws == "moto")


def _report(seed: int, result: Result, options: argparse.Namespace) -> None:
    """Prints a seed, the invariants it violates, and the shortest prefix that still violates one of them."""
    print(f"seed {seed} broke:", *result.violations, sep="\n  ")
    with mutated(options.mutant):
        letters = {each[:3] for each in result.violations}

        def fails(schedule: Schedule) -> bool:
            return bool(letters & {each[:3] for each in _run_once(schedule, options).violations})

        shortest = shrink(_schedule(seed, options), fails) if options.shrink else _schedule(seed, options)
        found = _run_once(shortest, options)
    print("the shortest prefix found:", *found.violations, sep="\n  ")
    print(as_text(shortest))
    names = "all" if options.faults == faults.ALL else ",".join(options.faults) or "none"
    print(
        f"again: python -m tests.chaos --seed {seed} --changes {options.changes} --faults {names} "
        f"--first-steps {len(shortest.steps)} --first-faults {len(shortest.faults)}"
        f"{f' --mutant {options.mutant}' if options.mutant else ''}",
        flush=True,
    )
    if options.output:
        Path(options.output).write_text(found.output)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Runs the real functions while everything around them fails, and checks that:\n"
        + "\n".join(f"  ({letter}) {text}" for letter, text in INVARIANTS.items()),
        epilog="\n\n".join(
            fill(f"{title}: {', '.join(names)}", 78, subsequent_indent="  ", break_on_hyphens=False)
            for title, names in {
                "faults of single calls": faults.CALL_FAULTS,
                "outages of minutes or hours": faults.OUTAGES,
                "faults of the environment": faults.ENVIRONMENT_FAULTS,
            }.items()
        ),
    )
    parser.add_argument("--seed", type=int, default=1, help="the seed that decides everything (1)")
    parser.add_argument("--seeds", type=_range, metavar="FROM-TO", help="run all these seeds instead")
    parser.add_argument("--changes", type=int, default=500, help="changes in each seed (500)")
    parser.add_argument("--faults", type=_faults, default=faults.ALL, help="all, none, or name,name,… (all)")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="number of processes (one for each CPU)"
    )
    parser.add_argument(
        "--transport",
        choices=("socket", "memory"),
        default="socket",
        help="how calls reach the emulator (socket)",
    )
    parser.add_argument("--aws", choices=("small", "moto"), default="small", help="what emulates AWS (small)")
    parser.add_argument(
        "--mutant",
        choices=sorted(MUTANTS),
        help="break one line of the functions, to show that the checkers catch it",
    )
    parser.add_argument(
        "--first-steps", type=int, help="run only this number of steps: changes, malformed messages, requests"
    )
    parser.add_argument("--first-faults", type=int, help="run only this number of faults")
    parser.add_argument(
        "--no-shrink", dest="shrink", action="store_false", help="print the whole schedule of a failing seed"
    )
    parser.add_argument("--output", help="file for the functions' log in the shortest failing prefix")
    return parser.parse_args(argv)


def _range(text: str) -> list[int]:
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


def _faults(text: str) -> tuple[str, ...]:
    if text in ("all", "none"):
        return faults.ALL if text == "all" else ()
    names = tuple(text.split(","))
    if unknown := set(names) - set(faults.ALL):
        raise argparse.ArgumentTypeError(
            f"{', '.join(sorted(unknown))}: no fault; the faults are {', '.join(faults.ALL)}"
        )
    return names


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
