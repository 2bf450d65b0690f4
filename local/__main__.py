"""``python -m local``: the embedded stack on the command line."""

import argparse
import os
import sys

from rich.console import Console

from local import interruption, session
from local.errors import LocalError
from local.progress import Progress
from local.stack import Stack

# Characters a line, where there is no terminal to ask: as wide as a CI system's page.
_WIDTH = 120


def main() -> int:
    """Run a subcommand; 0 if it worked, 1 if something on this machine failed, 128 + n on signal n."""
    arguments = _parser().parse_args()
    console = _console()
    interruption.listen()
    try:
        status: int = arguments.run(arguments, console)
    except LocalError as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except interruption.Interrupted as interrupted:
        console.print(f"Ended by {interrupted}; nothing is left running.", style="yellow")
        return interrupted.exit_status
    return status


def _console() -> Console:
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH
    return console


# The commands import what they need themselves: `down` is not to wait for the imports of `demo`.


def _demo(_arguments: argparse.Namespace, console: Console) -> int:
    from local.demo.play import demo  # noqa: PLC0415

    return demo(console)


def _up(_arguments: argparse.Namespace, console: Console) -> int:
    _show(session.up(progress=Progress(console)), console)
    return 0


def _down(_arguments: argparse.Namespace, console: Console) -> int:
    console.print("Stopped." if session.down() else "Nothing is running.")
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
    down = commands.add_parser("down", help="stop the stack")
    down.set_defaults(run=_down)
    return parser


if __name__ == "__main__":
    sys.exit(main())
