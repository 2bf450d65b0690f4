"""``python -m local``: the embedded stack on the command line."""

import argparse
import shlex
import sys
from pathlib import Path

from rich.console import Console

from local import environment, session, terminal
from local.errors import BadInput
from local.progress import Progress
from local.stack import Stack


def main() -> int:
    """Run a command. Returns its exit status: see `terminal.run`."""
    arguments = _parser().parse_args()
    return terminal.run(lambda console: arguments.run(arguments, console))


# Each command imports its own modules: `down` must not wait for the imports of `demo`.


def _demo(_arguments: argparse.Namespace, console: Console) -> int:
    from local.demo.scenario import demo  # noqa: PLC0415

    return demo(console)


def _up(_arguments: argparse.Namespace, console: Console) -> int:
    _show(session.up(progress=Progress(console)), console)
    return 0


def _replay(arguments: argparse.Namespace, console: Console) -> int:
    from local.replay.delivery import replay  # noqa: PLC0415

    return replay(arguments.file, console)


def _console(arguments: argparse.Namespace, console: Console) -> int:
    from local.console.server import console as serve  # noqa: PLC0415

    return serve(console, arguments.port)


def _down(_arguments: argparse.Namespace, console: Console) -> int:
    console.print("Stopped." if session.down() else "Nothing is running.")
    return 0


def _env(_arguments: argparse.Namespace, _console: Console) -> int:
    stack = session.running()
    if stack is None:
        raise BadInput("No stack runs: start one with `make up`.")
    for name, value in environment.aws(stack.endpoint, stack.certificate).items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _show(stack: Stack, console: Console) -> None:
    lines = {
        "Emulated AWS": stack.endpoint,
        "Emulated ImageKit": stack.imagekit,
        "Edge": f"{stack.url_endpoint}/<key>",
        "Bucket": stack.bucket,
        "Certificate": str(stack.certificate),
        "Logs": str(stack.workspace.logs),
    }
    for name, value in lines.items():
        console.print(f"{name:<18} {value}", markup=False, highlight=False, soft_wrap=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local",
        description="The embedded stack: the real template on an emulated AWS, with an emulated ImageKit.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="show the main job end to end, on a stack of its own")
    demo.set_defaults(run=_demo)
    up = commands.add_parser("up", help="start the stack, or deploy to the one that runs; it keeps running")
    up.set_defaults(run=_up)
    env = commands.add_parser(
        "env",
        help="print the variables with which AWS's tools use the stack of `up`",
        description="Prints shell commands. A shell that evaluates them lets AWS's SDKs and tools use the "
        "emulated AWS of the stack of `up`.",
    )
    env.set_defaults(run=_env)
    replay = commands.add_parser(
        "replay",
        help="deliver an event file to the deployed function, and follow it to the end",
        description="Delivers an event file to SubmitPurge on the stack of `up`, or on a stack of its own if "
        "none runs. Then shows what becomes of the event: purges, executions of TrackPurges, final status. A "
        "manual purge that was requested within the last 5 minutes is not made again, unless its body has a "
        'new "token": "any text".',
        epilog="Exit status: 0 if every purge is Completed, or none was needed; 1 if something is not "
        "purged, or a message of a batch was not understood; 2 if the file cannot be used.",
    )
    replay.add_argument("file", metavar="FILE", type=Path, help="an event, such as those of events/")
    replay.set_defaults(run=_replay)
    page = commands.add_parser(
        "console",
        help="serve a page that shows the stack at work, until Ctrl-C",
        description="Serves one page on 127.0.0.1 that shows the stack of `up`, or a stack of its own if "
        "none runs: objects, purges, quota, bad weather, and what a month would cost.",
    )
    page.add_argument("--port", type=int, default=0, help="the port of the page (default: a free one)")
    page.set_defaults(run=_console)
    down = commands.add_parser("down", help="stop the stack of `up`")
    down.set_defaults(run=_down)
    return parser


if __name__ == "__main__":
    sys.exit(main())
