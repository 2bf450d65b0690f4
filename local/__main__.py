"""``python -m local``: the embedded stack on the command line."""

import argparse
import sys

from rich.console import Console

from local import interruption, session
from local.errors import LocalError
from local.progress import Progress
from local.stack import Stack


def main() -> int:
    """Run a subcommand; 0 if it worked, 1 if something on this machine failed, 128 + n on signal n."""
    arguments = _parser().parse_args()
    console = Console()
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
    up = commands.add_parser("up", help="start the stack, or deploy to the one that runs; it keeps running")
    up.set_defaults(run=_up)
    down = commands.add_parser("down", help="stop the stack")
    down.set_defaults(run=_down)
    return parser


if __name__ == "__main__":
    sys.exit(main())
