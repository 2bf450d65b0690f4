"""``python -m local.imagekit``: the emulator as a process of its own."""

import os
import signal
import sys
import threading
from pathlib import Path

from local.imagekit.emulator import Emulator
from local.imagekit.options import Options, parse
from local.imagekit.origin import S3Origin
from local.imagekit.server import ImageKitServer


def main() -> int:
    """Run until SIGTERM or SIGINT. Returns 0 then, and 2 if it cannot start."""
    options = parse(sys.argv[1:])
    # Before the ready line: a signal may come right after it.
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    server = ImageKitServer(_emulator(options), options.host, options.port)
    try:
        server.start()
    except OSError as error:
        return _report(
            f"cannot listen on {options.host}:{options.port}: {error.strerror};"
            " stop what uses the port, or give --port 0 for a free one"
        )
    try:
        if options.port_file is not None:
            _write_atomically(options.port_file, f"{server.port}\n")
        print(f"ImageKit emulator ready on {server.url}", flush=True)
        stop.wait()
    except OSError as error:
        return _report(f"cannot write --port-file {str(options.port_file)!r}: {error.strerror}; give another")
    finally:
        server.stop()
    return 0


def _emulator(options: Options) -> Emulator:
    # Without an origin there is nothing to fetch, and the client of S3 would only slow the start.
    fetch = S3Origin(options.s3_endpoint) if options.origins else None
    return Emulator(
        options.settings,
        origins=options.origins,
        fetch=fetch,
        domains=options.domains,
        rewriters=options.rewriters,
    )


def _write_atomically(path: Path, text: str) -> None:
    """Write a file, so that no reader ever sees a part of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(path)


def _report(message: str) -> int:
    print(f"python -m local.imagekit: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
