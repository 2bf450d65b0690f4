"""The command line's part of the doctor: where everything comes from, and the exit status."""

import argparse
import getpass
import json
import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import boto3
from botocore.exceptions import BotoCoreError
from rich.console import Console

from local import terminal
from local.errors import BadInput
from ops.doctor import account, bucket, stack
from ops.doctor.account import Account, KeyState
from ops.doctor.addresses import PLACEHOLDER, address_of, split
from ops.doctor.diagnosis import as_json, diagnose
from ops.doctor.domain import IMAGEKIT_API_URL, InvalidSetting, settings_of, shown_url
from ops.doctor.facts import Facts
from ops.doctor.finding import Finding, unseen
from ops.doctor.pages import urls_of
from ops.doctor.report import report

_VARIABLE = "IMAGEKIT_PRIVATE_KEY"


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Ask, and print the diagnosis. Returns 0 if all is well, and 1 if there is something to mend or unseen.

    Raises BadInput if the input cannot work.
    """
    facts = _facts(arguments, os.environ, _prompt if sys.stdin.isatty() else None)
    diagnosis = diagnose(facts)
    if arguments.json:
        text = json.dumps(as_json(diagnosis), indent=2)
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    else:
        terminal.show(console, report(diagnosis))
    return 0 if diagnosis.well else 1


def _facts(
    arguments: argparse.Namespace, environ: Mapping[str, str], prompt: Callable[[], str] | None
) -> Facts:
    if not arguments.bucket and not arguments.stack_name:
        raise BadInput(
            "Name the bucket (--bucket my-bucket), or a stack that is deployed (--stack-name NAME)"
        )
    for url in arguments.url_endpoint:
        if not address_of(url):
            raise BadInput(
                f"--url-endpoint {shown_url(url)} is no URL of images: give https://ik.imagekit.io/ID, with "
                "no user or password"
            )
    if arguments.log_host and not split(arguments.log_host):
        raise BadInput(
            f"--log-host {shown_url(arguments.log_host)} is no URL: give https://images.example.com"
        )
    try:
        session = boto3.Session(profile_name=arguments.profile, region_name=arguments.region)
    except (BotoCoreError, ValueError) as error:
        raise BadInput(str(error)) from error
    deployed = stack.look(session, arguments.stack_name) if arguments.stack_name else None
    kept = stack.key(session, deployed) if deployed else None
    api_url = _api_url(arguments.imagekit_api_url or (deployed.settings.api_url if deployed else ""))
    key = _key(environ, kept.value if kept else "", prompt, required=deployed is None)
    checked = account.check_key(api_url, kept.value) if kept and kept.value else None
    pages = urls_of(arguments.pages, arguments.log_host) if arguments.pages else None
    names = tuple(dict.fromkeys(arguments.bucket or (deployed.buckets if deployed else ())))
    return Facts(
        account=account.ask(api_url, key, datetime.now(UTC).date()) if key else Account(),
        buckets=tuple(bucket.look(session, name) for name in names),
        stack=deployed,
        key=checked,
        reader=(
            checked.state
            if checked and kept and key == kept.value
            else account.check_key(api_url, key).state
            if key
            else KeyState.UNKNOWN
        ),
        given=tuple(url.rstrip("/") for url in arguments.url_endpoint),
        urls=pages.urls if pages else None,
        changes=arguments.changes,
        unseen=(
            *((kept.finding,) if kept and kept.finding else ()),
            *(() if key else (_no_key(),)),
            *((_no_host(pages.paths),) if pages and pages.paths else ()),
        ),
    )


def _api_url(text: str) -> str:
    """The address of the API, as the functions accept it: the key must not travel in the clear."""
    environ = {"URL_MAP": f"*={PLACEHOLDER}", "IMAGEKIT_API_URL": text or IMAGEKIT_API_URL}
    try:
        return settings_of(environ).api_url
    except InvalidSetting as error:
        raise BadInput(f"--imagekit-api-url: {error}") from error


def _key(environ: Mapping[str, str], kept: str, prompt: Callable[[], str] | None, *, required: bool) -> str:
    """The key to read the account with: of the environment, of the stack, or of a person; perhaps empty.

    The environment goes first, because the stack's own key should not be allowed to read the account.
    """
    found = environ.get(_VARIABLE, "").strip() or kept or (prompt().strip() if prompt else "")
    if not found and required:
        raise BadInput(f"No private key of ImageKit: put one into the environment variable {_VARIABLE}")
    if found and not (found.isascii() and found.isprintable()):
        raise BadInput(
            f"The private key of ImageKit has characters that no key has: copy it anew into {_VARIABLE}"
        )
    return found


def _prompt() -> str:
    try:
        return getpass.getpass("ImageKit's private key (it is not shown): ")
    except EOFError:  # Ctrl-D
        return ""


def _no_host(paths: int) -> Finding:
    return unseen(
        f"{paths} requests of an access log have a path and no host, so they were left out.",
        "Name the host of the log: --log-host https://images.example.com",
    )


def _no_key() -> Finding:
    return unseen(
        "There is no private key to read ImageKit's account with.",
        f"Put one into the environment variable {_VARIABLE}.",
    )
