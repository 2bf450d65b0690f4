"""``python -m ops``: commands for a real AWS account."""

import argparse
import sys

from rich.console import Console

from local import terminal
from ops.backfill import backfill
from ops.connect import connect
from ops.redrive import redrive


def main() -> int:
    """Run a command. Returns its exit status: see `terminal.run`."""
    arguments = _parser().parse_args()
    return terminal.run(lambda console: _print(console, arguments.run(arguments)))


def _print(console: Console, text: str) -> int:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    return 0


def _connect(arguments: argparse.Namespace) -> str:
    return connect(
        arguments.bucket, profile=arguments.profile, region=arguments.region, dry_run=arguments.dry_run
    )


def _backfill(arguments: argparse.Namespace) -> str:
    return backfill(
        arguments.bucket,
        queue=arguments.queue,
        since=arguments.since,
        prefix=arguments.prefix,
        profile=arguments.profile,
        region=arguments.region,
        dry_run=arguments.dry_run,
    )


def _redrive(arguments: argparse.Namespace) -> str:
    return redrive(
        arguments.source,
        arguments.target,
        profile=arguments.profile,
        to_profile=arguments.to_profile,
        region=arguments.region,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ops",
        description="Commands for a real AWS account. They use your ordinary AWS credentials.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser(
        "connect",
        help="make an existing bucket send its events to EventBridge",
        description="Adds EventBridge to the notification configuration of a bucket and keeps everything "
        "else in it. You can repeat the command safely.",
    )
    command.add_argument("bucket", metavar="BUCKET", help="name of the bucket")
    command.add_argument("--region", help="region of the bucket")
    command.add_argument("--dry-run", action="store_true", help="show the change, but do not make it")
    command.set_defaults(run=_connect)

    command = commands.add_parser(
        "backfill",
        help="send events for objects that changed while no events came (docs/operations.md)",
        description="Lists a bucket, and puts an event for each object that was changed or deleted since a "
        "time into the change queue.",
    )
    command.add_argument("bucket", metavar="BUCKET", help="name of the bucket")
    command.add_argument("--queue", required=True, metavar="URL", help="the output ChangeQueueUrl")
    command.add_argument("--since", required=True, metavar="TIME", help="ISO 8601, e.g. 2026-11-22T10:00:00Z")
    command.add_argument("--prefix", default="", help="only keys that start with this")
    command.add_argument("--region", help="region of the stack")
    command.add_argument("--dry-run", action="store_true", help="count the events, but do not send them")
    command.set_defaults(run=_backfill)

    command = commands.add_parser(
        "redrive",
        help="move dead letters back to the change queue",
        description="Moves messages from one SQS queue to another. The queues may be in different regions.",
    )
    command.add_argument(
        "source",
        metavar="FROM",
        help="the output ChangeDeadLettersUrl, or UndeliveredEventsUrl of a forwarder",
    )
    command.add_argument("target", metavar="TO", help="the output ChangeQueueUrl of the stack")
    command.add_argument("--to-profile", help="profile for TO, if it is in another account than FROM")
    command.add_argument("--region", help="region of a queue whose URL does not name one")
    command.set_defaults(run=_redrive)

    for command in commands.choices.values():
        command.add_argument("--profile", help="profile of your AWS configuration")
    return parser


if __name__ == "__main__":
    sys.exit(main())
