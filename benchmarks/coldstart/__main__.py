"""Cold starts of the built functions, beside two yardsticks: an empty handler, and one as peers write it.

Each start is a new process: AWS's runtime interface emulator starts AWS's runtime loop, which imports the
handler (init) and gives it its first event (first invoke). MiniStack and the emulated ImageKit answer on this
machine. Peak memory is that of the whole process. All numbers but the sizes are medians. The functions are
measured as `sam build` makes them, and with the bytecode that `make build` adds.

Nothing slows the processor down here. In Lambda, the first invoke gets only the share of a processor that
comes with MemorySize, and so takes longer: about 3.5 times as long with 512 MB, if it only calculates.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""

import argparse
import json
import sys
from typing import Any

from benchmarks.coldstart.measure import measure
from local.errors import LocalError


def main(arguments: list[str] | None = None) -> int:
    """Measure and print. Returns 0, or 1 if cold starts cannot be measured here."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coldstart", description=__doc__)
    parser.add_argument("--runs", type=_positive, default=15, help="cold starts of each handler (15)")
    parser.add_argument("--json", action="store_true", help="one JSON object a row instead of the table")
    options = parser.parse_args(arguments)
    try:
        for row in measure(options.runs):
            print(json.dumps(row) if options.json else _text(row), flush=True)
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


def _text(row: dict[str, Any]) -> str:
    return "\n".join(
        f"{name.replace('_', ' '):<26}{value:>14,}" if not isinstance(value, str) else f"\n{value}"
        for name, value in row.items()
    )


if __name__ == "__main__":
    sys.exit(main())
