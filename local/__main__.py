"""``python -m local``: the embedded stack on the command line."""

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console

from local import interruption, session
from local.errors import BadInput, LocalError
from local.progress import Progress
from local.stack import Stack

# Characters a line, where there is no terminal to ask: as wide as a CI system's page.
_WIDTH = 120


def main() -> int:
    """Run a subcommand; 0 if it worked, 1 if not, 2 for what cannot work as given, 128 + n on signal n."""
    arguments = _parser().parse_args()
    console = _console()
    interruption.listen()
    try:
        status: int = arguments.run(arguments, console)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
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


def _replay(arguments: argparse.Namespace, console: Console) -> int:
    from local.replay.play import replay  # noqa: PLC0415

    return replay(arguments.file, console)


def _connect(arguments: argparse.Namespace, console: Console) -> int:
    from local.connect import connect  # noqa: PLC0415

    done = connect(
        arguments.bucket, profile=arguments.profile, region=arguments.region, dry_run=arguments.dry_run
    )
    console.print(done, markup=False, highlight=False, soft_wrap=True)
    return 0


def _resend(arguments: argparse.Namespace, console: Console) -> int:
    from local.resend import resend  # noqa: PLC0415

    done = resend(
        arguments.bucket,
        queue=arguments.queue,
        since=arguments.since,
        prefix=arguments.prefix,
        profile=arguments.profile,
        region=arguments.region,
        dry_run=arguments.dry_run,
    )
    console.print(done, markup=False, highlight=False, soft_wrap=True)
    return 0


def _redrive(arguments: argparse.Namespace, console: Console) -> int:
    from local.redrive import redrive  # noqa: PLC0415

    done = redrive(
        arguments.source,
        arguments.target,
        profile=arguments.profile,
        to_profile=arguments.to_profile,
        region=arguments.region,
    )
    console.print(done, markup=False, highlight=False, soft_wrap=True)
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
    replay = commands.add_parser(
        "replay",
        help="deliver an event file to the deployed function, and follow it to the end",
        description="Delivers an event file to SubmitPurge on the stack of `up`, or on one of its own, and "
        "shows what becomes of it: purges, executions of TrackPurges, final status. A manual purge that was "
        "asked for within the last 5 minutes is not made again, unless its body has a new "
        '"token": "any text".',
        epilog="Exit status: 0 if every purge is Completed, or none was needed; 1 if something is not "
        "purged, or a message of a batch was not understood; 2 if the file cannot be used.",
    )
    replay.add_argument("file", metavar="FILE", type=Path, help="an event, such as those of events/")
    replay.set_defaults(run=_replay)
    connect = commands.add_parser(
        "connect",
        help="let an existing bucket, in AWS, send its events to EventBridge",
        description="Adds EventBridge to the notification configuration of a bucket, with your ordinary AWS "
        "credentials, and keeps everything else that stands there. Safe to repeat.",
    )
    connect.add_argument("bucket", metavar="BUCKET")
    connect.add_argument("--profile", help="profile of your AWS configuration")
    connect.add_argument("--region", help="region of the bucket")
    connect.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    connect.set_defaults(run=_connect)
    resend = commands.add_parser(
        "resend",
        help="send the changes of a bucket again, in AWS, since a time: docs/operations.md says when",
        description="Lists a bucket, with your ordinary AWS credentials, and puts an event for each object "
        "that was changed or deleted since a time into the change queue.",
    )
    resend.add_argument("bucket", metavar="BUCKET")
    resend.add_argument("--queue", required=True, metavar="URL", help="the output ChangeQueueUrl")
    resend.add_argument("--since", required=True, metavar="TIME", help="ISO 8601, e.g. 2026-11-22T10:00:00Z")
    resend.add_argument("--prefix", default="", help="only keys that start with this")
    redrive = commands.add_parser(
        "redrive",
        help="move dead letters, in AWS, back to the change queue",
        description="Moves messages from one SQS queue to another, with your ordinary AWS credentials. The "
        "queues may be in different regions.",
    )
    redrive.add_argument(
        "source",
        metavar="FROM",
        help="the output ChangeDeadLettersUrl, or UndeliveredEventsUrl of a forwarder",
    )
    redrive.add_argument("target", metavar="TO", help="the output ChangeQueueUrl of the stack")
    redrive.add_argument("--to-profile", help="profile for TO, if it is in another account than FROM")
    for command, run in ((resend, _resend), (redrive, _redrive)):
        command.add_argument("--profile", help="profile of your AWS configuration")
        command.add_argument("--region", help="region of the stack")
        command.set_defaults(run=run)
    resend.add_argument("--dry-run", action="store_true", help="count what would be sent, and send nothing")
    down = commands.add_parser("down", help="stop the stack of `up`")
    down.set_defaults(run=_down)
    return parser


if __name__ == "__main__":
    sys.exit(main())
