"""The command line of ``python -m local.imagekit``, checked before anything starts."""

import argparse
import ipaddress
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from local.imagekit.origin import Bucket
from local.imagekit.settings import BadSetting, Settings

_ENDPOINT = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9._-]+)*")
_RESERVED = frozenset({"v1", "_control"})
_EXAMPLE = """\
control endpoints, JSON in and out, without a key:
  GET  /_control/health | state | purges
  POST /_control/settings   {"quota": 10, "delay": 0.5, "writeRate": 100}
  POST /_control/account    {"namedTransformations": [...], "urlEndpoints": [...], "origins": [...]}
  POST /_control/faults     {"api": "purge", "nth": 1, "times": 2, "kind": "5xx", "status": 503}
  DELETE /_control/faults
  POST /_control/reset

example, in front of an S3 service on port 4566:
  export IMAGEKIT_PRIVATE_KEY=private_local AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x
  python -m local.imagekit --port 4010 --origin demo=photos/public --s3-endpoint http://127.0.0.1:4566
  curl -i http://127.0.0.1:4010/demo/cat.jpg          # shows s3://photos/public/cat.jpg
  curl -u "$IMAGEKIT_PRIVATE_KEY:" -H 'Content-Type: application/json' \\
       -d '{"url": "http://127.0.0.1:4010/demo/cat.jpg*"}' http://127.0.0.1:4010/v1/files/purge
"""


@dataclass(frozen=True, slots=True)
class Options:
    """The values of the command line."""

    host: str
    port: int
    port_file: Path | None
    settings: Settings
    origins: Mapping[str, Bucket]
    domains: Mapping[str, str]
    rewriters: Sequence[str]
    s3_endpoint: str | None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # Only one line: argparse would print the usage before it, and hide the remedy.
        self.exit(2, f"{self.prog}: {message}\n")


def parse(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> Options:
    """Parse ``arguments``. Exits with 2 and one line on stderr if they make no sense."""
    parser = _parser()
    given = parser.parse_args(arguments)
    key = given.private_key or environ.get("IMAGEKIT_PRIVATE_KEY")
    if not key:
        parser.error("no private key; give --private-key or set IMAGEKIT_PRIVATE_KEY")
    origins, domains = dict(given.origin), dict(given.domain)
    if len(origins) < len(given.origin):
        parser.error("argument --origin: an id is given twice; give each id one bucket")
    for domain, endpoint in domains.items():
        if endpoint not in origins:
            parser.error(
                f"argument --domain: {domain!r} leads to {endpoint!r}, but no --origin has this id; add it"
            )
    for endpoint in given.rewriter:
        if endpoint not in origins:
            parser.error(f"argument --rewriter: no --origin has the id {endpoint!r}; add it")
    if given.port_file is not None and not given.port_file.parent.is_dir():
        parser.error(
            f"argument --port-file: there is no folder {str(given.port_file.parent)!r}; make it first"
        )
    try:
        settings = Settings(
            private_key=key,
            quota=given.quota,
            quota_answer=given.quota_answer,
            quota_headers=given.quota_headers,
            delay=given.delay,
            write_rate=given.write_rate,
            write_burst=given.write_burst,
            read_rate=given.read_rate,
            read_burst=given.read_burst,
            restricted_key=environ.get("IMAGEKIT_RESTRICTED_KEY", ""),
        )
    except BadSetting as error:
        # Settings say `writeRate`, the command line says `--write-rate`.
        name, blank, problem = str(error).partition(" ")
        if name == "restrictedKey":
            parser.error(f"IMAGEKIT_RESTRICTED_KEY{blank}{problem}")
        parser.error("--" + re.sub("[A-Z]", lambda letter: f"-{letter[0].lower()}", name) + blank + problem)
    return Options(
        given.host,
        given.port,
        given.port_file,
        settings,
        origins,
        domains,
        given.rewriter,
        given.s3_endpoint,
    )


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m local.imagekit",
        description="Emulates ImageKit on this machine: the purge and status API, the lists of the account,\n"
        "and a CDN edge that caches what it serves from an S3 bucket until a purge. Runs until\n"
        "SIGTERM or SIGINT. A key of IMAGEKIT_RESTRICTED_KEY may purge, but not read the account.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--host", type=_host, default="127.0.0.1", help="loopback address to listen on (127.0.0.1)")
    add("--port", type=_port, default=0, help="port to listen on; 0 takes a free one (0)")
    add("--port-file", type=Path, metavar="FILE", help="write the port to FILE once listening")
    add("--private-key", metavar="KEY", help="the account's key; better in IMAGEKIT_PRIVATE_KEY")
    add(
        "--origin", type=_origin, action="append", default=[], metavar="ID=BUCKET[/FOLDER]",
        help="serve BUCKET under /ID/; repeatable; ID/PATTERN adds a URL pattern",
    )  # fmt: skip
    add(
        "--domain", type=_domain, action="append", default=[], metavar="HOST=ID",
        help="a custom domain, which replaces host and id; repeatable",
    )  # fmt: skip
    add(
        "--rewriter", action="append", default=[], metavar="ID",
        help="let ID understand Cloudinary's URLs, such as image/upload/w_300/KEY; repeatable",
    )  # fmt: skip
    add(
        "--s3-endpoint", type=_http_url, metavar="URL",
        help="S3 service, path-style; default, and credentials: the ordinary AWS environment",
    )  # fmt: skip
    add("--delay", type=_decimal, default=3.0, metavar="SECONDS", help="until a purge is Completed (3)")
    add("--quota", type=_whole, default=1000, help="purges a calendar month, UTC (1000)")
    add(
        "--quota-answer", type=int, choices=(429, 403), default=429,
        help="status of a purge over the quota (429)",
    )  # fmt: skip
    add(
        "--quota-headers", action=argparse.BooleanOptionalAction, default=True,
        help="whether that answer has rate limit headers, of the month (it has them)",
    )  # fmt: skip
    add("--write-rate", type=_decimal, default=5.0, metavar="N", help="purges a second (5)")
    add("--write-burst", type=_whole, default=20, metavar="N", help="purges at once (20)")
    add("--read-rate", type=_decimal, default=40.0, metavar="N", help="status calls a second (40)")
    add("--read-burst", type=_whole, default=100, metavar="N", help="status calls at once (100)")
    return parser


def _host(text: str) -> str:
    # The control endpoints need no key, so only this machine may reach them.
    try:
        loopback = text == "localhost" or ipaddress.IPv4Address(text).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise argparse.ArgumentTypeError(f"{text!r} is no IPv4 loopback address; give 127.0.0.1")
    return text


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give 0 to 65535, 0 for a free one")
    return int(text)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number; give one") from error


def _decimal(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number; give one") from error


def _origin(text: str) -> tuple[str, Bucket]:
    endpoint, equals, bucket = text.partition("=")
    if not equals or not _ENDPOINT.fullmatch(endpoint) or endpoint.partition("/")[0] in _RESERVED:
        raise argparse.ArgumentTypeError(
            f"{text!r} names no id; give ID=BUCKET[/FOLDER], ID not v1 or _control"
        )
    try:
        return endpoint, Bucket.parse(bucket)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error


def _domain(text: str) -> tuple[str, str]:
    host, equals, endpoint = text.partition("=")
    if not equals or not endpoint or not re.fullmatch(r"[A-Za-z0-9.-]+(:\d+)?", host):
        raise argparse.ArgumentTypeError(f"{text!r} is no domain; give HOST=ID, e.g. images.example.com=demo")
    return host, endpoint


def _http_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise argparse.ArgumentTypeError(f"{text!r} is no http URL; give e.g. http://127.0.0.1:4566")
    return text
