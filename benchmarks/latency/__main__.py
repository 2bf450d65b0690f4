"""How long a change takes on the embedded stack until its purge is accepted, Completed and fresh on the edge.

The real template runs on emulated AWS services, beside an emulated ImageKit that completes each purge after
`--delay` seconds. State machines wait as long as their definition says. All of it shares this machine, so a
busy machine is slow. The emulated ImageKit accepts 5 purges a second, and 20 at once.
"""

import argparse
import json
import sys
from collections.abc import Sequence

from benchmarks.latency import polling
from benchmarks.latency.figures import Row, lone_rows, text
from local.options import Options
from local.workspace import SHARED

_NOTES = {
    "lone": "Seconds of lone changes. The emulated AWS hands a message over at once; AWS adds the last row.",
    "burst": "Seconds of a burst. The emulated S3 sends about 100 events a second, so it is behind the puts.",
    "polling": "How many seconds after Completed a purge is seen, and what it takes, by the first wait.",
    "upload": "Seconds of lone changes beside an upload of 500 objects a second. Its events come in\n"
    "messages of 100 records each, since the emulated S3 would send only about 100 events a second.",
}


def main(arguments: list[str] | None = None) -> int:
    """Measure and print. Returns 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--singles", type=_count, default=15, help="lone changes, one after another (15)")
    parser.add_argument("--burst", type=_count, default=1_000, help="objects overwritten at once (1000)")
    parser.add_argument(
        "--upload", type=_count, default=0, help="objects of an upload with lone changes beside it (none)"
    )
    parser.add_argument(
        "--delay", type=float, default=3.0, help="seconds until the emulated ImageKit completes a purge (3)"
    )
    parser.add_argument(
        "--polling", action="store_true", help="compare rules for the first check of a purge instead"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a row instead of the tables")
    options = parser.parse_args(arguments)
    if options.polling:
        _show(list(polling.compare()), _NOTES["polling"], json_lines=options.json)
    else:
        _measure(options)
    return 0


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no count; give a whole number, or 0 to leave this out")
    return int(text)


def _measure(options: argparse.Namespace) -> None:
    from benchmarks.latency import burst, lone, upload  # noqa: PLC0415 - they need the SAM CLI
    from local.session import session  # noqa: PLC0415 - likewise

    stack_options = Options(completion_delay=options.delay, wait_scale=1.0)
    with session(stack_options, private=SHARED / "latency") as stack:
        if options.singles:
            first, *others = lone.measure(stack, options.singles + 1)
            cold = {"what": "first change, functions start: put to accepted"}
            cold["median"] = round(first.accepted_at - first.put_at, 2)
            rows = [*lone_rows(others), cold, lone.batching_window(stack)]
            _show(rows, _NOTES["lone"], json_lines=options.json)
        if options.burst:
            _show([burst.measure(stack, options.burst)], _NOTES["burst"], json_lines=options.json)
        if options.upload:
            _show(list(upload.measure(stack, options.upload)), _NOTES["upload"], json_lines=options.json)


def _show(rows: Sequence[Row], note: str, *, json_lines: bool) -> None:
    table = f"{note}\n\n{text(rows)}\n"
    print("\n".join(json.dumps(row) for row in rows) if json_lines else table, flush=True)


if __name__ == "__main__":
    sys.exit(main())
