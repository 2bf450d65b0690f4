"""Changes a second through the real SubmitPurge, beside a handler that makes one HTTP call for each event.

Both get the same S3 events, in full batches of the queue, and call the same emulated ImageKit over HTTPS on
this machine, without rate limits. ImageKit has a process of its own, and so has each row. Real seconds are
what a Lambda is billed for, with the waits for ImageKit, which answers at once. On a busy machine they are
longer. CPU seconds are the processor time of the handler's process: of the handler, of its HTTP client, and
of the fakes of AWS. The table has their share of the real time.

AWS answers from memory, without boto3 and without a network. So the table counts all calls to AWS by
service: in a Lambda each takes milliseconds, as a call to ImageKit does, and half a millisecond of that is
boto3's own processor time. Log lines and metrics are made as in a Lambda.

A catalogue is exported again, in the order of its keys. In the first row, its many folders do not begin and
end with the batches. In the second one, each batch overwrites one folder as a whole. The changes are an hour
old, so none of them is held.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from typing import Any

from benchmarks.throughput import backlog, handlers


def main(arguments: list[str] | None = None) -> int:
    """Measure and print. Returns 0 if no change was lost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__)
    parser.add_argument("--changes", type=int, default=50_000)
    parser.add_argument("--share", type=float, default=1.0, help="of the bucket's objects that change (1)")
    parser.add_argument("--calls", type=int, default=2_000, help="events for the one-call handler (2000)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each row; the fastest counts (3)")
    parser.add_argument(
        "--stack", action="store_true", help="real S3 puts through the embedded stack instead"
    )
    parser.add_argument(
        "--backlog", type=int, help="drains of so many pending changes instead, in a bucket of as many keys"
    )
    parser.add_argument("--roots", type=int, default=1, help="URLs that show an object, with --backlog (1)")
    parser.add_argument("--puts", type=int, default=5_000, help="objects put with --stack (5000)")
    parser.add_argument("--json", action="store_true", help="one JSON object a row instead of the table")
    options = parser.parse_args(arguments)
    rows: Iterable[dict[str, Any]]
    if options.stack:
        from benchmarks.throughput import embedded_stack  # noqa: PLC0415 - it needs the SAM CLI

        rows = [embedded_stack.measure(options.puts)]
    elif options.backlog:
        rows = backlog.measure(options.backlog, options.roots)
    else:
        rows = handlers.measure(options.changes, options.share, options.calls, options.runs)
    lost = 0
    for row in rows:
        print(json.dumps(row) if options.json else _text(row), flush=True)
        lost += row.get("lost", 0)
    return 1 if lost else 0


def _text(row: dict[str, Any]) -> str:
    return "\n".join(
        f"{name.replace('_', ' '):<36}{value:>14,}" if not isinstance(value, str) else f"\n{value}"
        for name, value in row.items()
    )


if __name__ == "__main__":
    sys.exit(main())
