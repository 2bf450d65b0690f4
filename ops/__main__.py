"""``python -m ops``: commands for a real AWS account."""

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from rich.console import Console, RenderableType

from local import terminal
from ops.asking import Function, function_of
from ops.backfill import backfill
from ops.bucket_name import bucket_name
from ops.connect import connect, disconnect
from ops.redrive import redrive
from ops.tables import explanation_tables, status_tables
from ops.watch import watch

# The name under which samconfig.toml deploys.
_STACK = "imagekit-s3-purge"


def main() -> int:
    """Run a command. Returns its exit status: see `terminal.run`."""
    arguments = _parser().parse_args()
    return terminal.run(lambda console: arguments.run(arguments, console))


def _print(console: Console, text: str) -> int:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    return 0


def _status(arguments: argparse.Namespace, console: Console) -> int:
    return _show(_function(arguments).ask({"status": True}), status_tables, arguments, console)


def _explain(arguments: argparse.Namespace, console: Console) -> int:
    answer = _function(arguments).ask({"explain": arguments.object})
    return _show(answer, explanation_tables, arguments, console)


def _watch(arguments: argparse.Namespace, console: Console) -> int:
    function = _function(arguments)
    return watch(
        lambda: function.ask({"status": True}), console, every=arguments.every, as_json=arguments.json
    )


def _function(arguments: argparse.Namespace) -> Function:
    return function_of(arguments.stack_name, profile=arguments.profile, region=arguments.region)


def _show(
    answer: dict[str, Any],
    tables: Callable[[dict[str, Any]], RenderableType],
    arguments: argparse.Namespace,
    console: Console,
) -> int:
    if arguments.json:
        return _print(console, json.dumps(answer, indent=2))
    terminal.show(console, tables(answer))
    return 0


def _doctor(arguments: argparse.Namespace, console: Console) -> int:
    # ImageKit's SDK takes a second to import, so no other command waits for it.
    from ops.doctor.command import run  # noqa: PLC0415

    return run(arguments, console)


def _connect(arguments: argparse.Namespace, console: Console) -> int:
    run = disconnect if arguments.undo else connect
    done = run(
        arguments.bucket, profile=arguments.profile, region=arguments.region, dry_run=arguments.dry_run
    )
    return _print(console, done)


def _backfill(arguments: argparse.Namespace, console: Console) -> int:
    done = backfill(
        arguments.bucket,
        queue=arguments.queue,
        since=arguments.since,
        prefix=arguments.prefix,
        profile=arguments.profile,
        region=arguments.region,
        dry_run=arguments.dry_run,
    )
    return _print(console, done)


def _redrive(arguments: argparse.Namespace, console: Console) -> int:
    done = redrive(
        arguments.source,
        arguments.target,
        profile=arguments.profile,
        to_profile=arguments.to_profile,
        region=arguments.region,
    )
    return _print(console, done)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds from 1 to 3600")
    return seconds


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10**9:
        raise argparse.ArgumentTypeError(f"{text} is no number of changes from 1 to {10**9}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ops",
        description="Commands for a real AWS account. They use your ordinary AWS credentials.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser(
        "status",
        help="show what the stack does: quota, pending and held changes, purges, failures",
        description="Asks SubmitPurge for the status, which changes nothing.",
    )
    command.set_defaults(run=_status)
    questions = [command]

    command = commands.add_parser(
        "explain",
        help="show why the CDN still shows an old image",
        description="Asks SubmitPurge which URLs show an object, and what became of their purges. It changes "
        "nothing.",
    )
    command.add_argument("object", metavar="BUCKET/KEY", help="the key as it is written in the bucket")
    command.set_defaults(run=_explain)
    questions.append(command)

    command = commands.add_parser(
        "watch",
        help="show the status again and again, until Ctrl-C",
        description="Asks SubmitPurge for the status every few seconds. Ctrl-C ends it.",
    )
    command.add_argument(
        "--every", type=_seconds, default=5.0, metavar="SECONDS", help="default 5; an answer is an invocation"
    )
    command.set_defaults(run=_watch)
    questions.append(command)

    for command in questions:
        command.add_argument("--stack-name", default=_STACK, metavar="NAME", help=f"default {_STACK}")
        command.add_argument("--region", help="region of the stack")
        command.add_argument("--json", action="store_true", help="print the answer as JSON")

    command = commands.add_parser(
        "connect",
        help="make an existing bucket send its events to EventBridge",
        description="Adds EventBridge to the notification configuration of a bucket and keeps everything "
        "else in it. You can repeat the command safely. It refuses if somebody else changes the "
        "configuration meanwhile.",
    )
    command.add_argument("bucket", type=bucket_name, metavar="BUCKET", help="name of the bucket")
    command.add_argument("--region", help="region of the bucket")
    command.add_argument("--dry-run", action="store_true", help="show the difference, but do not make it")
    command.add_argument(
        "--undo",
        action="store_true",
        help="switch off again what this command switched on, in the same account, from this folder",
    )
    command.set_defaults(run=_connect)

    command = commands.add_parser(
        "backfill",
        help="send events for objects that changed while no events came (docs/operations.md)",
        description="Lists a bucket, and puts an event for each object that was changed or deleted since a "
        "time into the change queue.",
    )
    command.add_argument("bucket", type=bucket_name, metavar="BUCKET", help="name of the bucket")
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

    _add_doctor(
        commands.add_parser("doctor", help="propose settings, and show what is wrong (docs/doctor.md)")
    )

    for command in commands.choices.values():
        command.add_argument("--profile", help="profile of your AWS configuration")
    return parser


def _add_doctor(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Asks ImageKit and AWS, and prints a UrlMap to deploy with, what a change costs, and what is wrong. "
        "It changes nothing, and costs no purge. The private key comes from the environment variable "
        "IMAGEKIT_PRIVATE_KEY, from the secret of the stack, or from a prompt."
    )
    command.epilog = (
        "Exit status: 0 if all is well, 1 if something is to mend or unseen, 2 if it could not run."
    )
    command.set_defaults(run=_doctor)
    add = command.add_argument
    add(
        "--bucket", action="append", default=[], type=bucket_name, metavar="NAME",
        help="bucket of the images; repeatable",
    )  # fmt: skip
    add("--stack-name", metavar="NAME", help="a stack that is deployed: its settings are checked")
    add(
        "--url-endpoint", action="append", default=[], metavar="URL",
        help="https://ik.imagekit.io/ID or a custom domain, which ImageKit's API does not tell; repeatable",
    )  # fmt: skip
    add(
        "--pages", nargs="+", default=[], metavar="FILE",
        help="pages, lists of URLs or access logs: which forms of URLs they use; - is the standard input",
    )  # fmt: skip
    add("--log-host", default="", metavar="URL", help="beginning of the URLs of an access log's paths")
    add("--changes", type=_count, metavar="N", help="changes of objects that you expect in a month")
    add("--imagekit-api-url", default="", metavar="URL", help="address of ImageKit's API; for tests")
    add("--region", help="region of the stack")
    add("--json", action="store_true", help="print the result as JSON")


if __name__ == "__main__":
    sys.exit(main())
