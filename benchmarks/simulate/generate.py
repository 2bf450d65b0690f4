"""Makes histories that are hard for a planner: traces for `benchmarks.simulate`, of a bucket that is made up.

All kinds last for two months, March and April 2026, and every change overwrites a key that exists. The same
kind and seed make the same files, byte by byte.
"""

import argparse
import gzip
import json
import random
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

EPILOG = """\
The kinds:

  folders  The same names lie under 12 folders. A few times a day, one to three names change in all of them.
           A wildcard finds the changed names of a folder far from each other.
  first    One huge deploy on the first day of each month, and a few singles. A planner that spends too much
           on the deploy has nothing left for the singles.
  last     One huge deploy on the last day of each month, and a few singles. A planner that keeps purges back
           on that day evicts more than it needs to.
  both     One huge deploy on the first day of each month and one on the last, and a few singles.
  singles  A steady stream of single changes. They come too far apart to share purges.
  all      Everything at once: the folders, both deploys, and a stream of singles.

A single is a change that is alone in its deploy. Writes KIND-N.jsonl.gz and KIND-N.keys.gz, where N is the
seed.
"""

_MONTHS = ((datetime(2026, 3, 1, tzinfo=UTC), 31), (datetime(2026, 4, 1, tzinfo=UTC), 30))
"""The start of each month, and its days."""

_DAY = 86_400.0
_LATEST = 0.8
"""A deploy begins in this part of its day, so that it does not run into the next day."""

_FORMATS = ("ai", "avif", "eps", "figma", "gif", "jpg", "pdf", "png", "sketch", "svg", "tiff", "webp")
_ICONS, _PRODUCTS, _PICTURES = 400, 1500, 20
_DEPLOYED, _SHARE = 650, 0.3
"""The products of a huge deploy, and how many of their pictures it changes: about 3,900 changes."""
_SINGLES_A_DAY = {"first": 3, "last": 3, "both": 3, "singles": 25, "all": 10}


class Deploy(NamedTuple):
    """One line of a trace: `keys` are put at a time `t` (unix seconds)."""

    t: float
    keys: tuple[str, ...]


class Made(NamedTuple):
    """A history: the keys that exist before it, and its deploys in the order of time."""

    keys: tuple[str, ...]
    deploys: tuple[Deploy, ...]


def make(kind: str, seed: int) -> Made:
    """The history of a kind and a seed."""
    chance = random.Random(f"{kind} {seed}")
    products = tuple(f"catalog/{chance.choice('abcdefgh')}{number:04}/" for number in range(_PRODUCTS))
    catalog = tuple(key for product in products for key in _pictures(product))
    icons = tuple(f"{chance.choice('abcdefghijklmnop')}{number:03}" for number in range(_ICONS))
    keys: list[str] = []
    deploys: list[Deploy] = []
    if kind in ("folders", "all"):
        keys += (key for icon in icons for key in _everywhere(icon))
        deploys += _folders(icons, chance)
    if kind != "folders":
        keys += catalog
        deploys += _singles(catalog, _SINGLES_A_DAY[kind], chance)
    if kind in ("first", "both", "all"):
        deploys += (_huge(products, start.timestamp(), chance) for start, _ in _MONTHS)
    if kind in ("last", "both", "all"):
        deploys += (_huge(products, start.timestamp() + (days - 1) * _DAY, chance) for start, days in _MONTHS)
    return Made(tuple(sorted(keys)), tuple(sorted(deploys)))


KINDS = ("folders", "first", "last", "both", "singles", "all")


def main(arguments: list[str] | None = None) -> int:
    """Write a trace. Returns 2 if a file cannot be written."""
    options = _parser().parse_args(arguments)
    made = make(options.kind, options.seed)
    name = f"{options.kind}-{options.seed}"
    lines = (
        json.dumps({"t": round(deploy.t, 3), "put": deploy.keys, "delete": []}) for deploy in made.deploys
    )
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        _write(options.out / f"{name}.keys.gz", made.keys)
        _write(options.out / f"{name}.jsonl.gz", lines)
    except OSError as error:
        print(f"generate: {error}", file=sys.stderr)
        return 2
    changes = sum(len(deploy.keys) for deploy in made.deploys)
    print(
        f"{options.out / name}.jsonl.gz: {len(made.keys):,} keys, {len(made.deploys):,} deploys, "
        f"{changes:,} changes"
    )
    return 0


def _pictures(product: str) -> tuple[str, ...]:
    """The keys of a product, which is a folder."""
    return tuple(f"{product}img-{number:02}.jpg" for number in range(_PICTURES))


def _everywhere(icon: str) -> tuple[str, ...]:
    """The keys of an icon: the same name under each folder."""
    return tuple(f"library/icons/{suffix}/{icon}.{suffix}" for suffix in _FORMATS)


def _folders(icons: Sequence[str], chance: random.Random) -> Iterable[Deploy]:
    for day in _days():
        for _ in range(chance.randint(3, 8)):
            some = chance.sample(icons, chance.randint(1, 3))
            yield Deploy(
                day + chance.random() * _DAY, tuple(key for icon in some for key in _everywhere(icon))
            )


def _singles(keys: Sequence[str], a_day: int, chance: random.Random) -> Iterable[Deploy]:
    for day in _days():
        for _ in range(a_day):
            yield Deploy(day + chance.random() * _DAY, (chance.choice(keys),))


def _huge(products: Sequence[str], day: float, chance: random.Random) -> Deploy:
    """A deploy of some pictures of many products."""
    keys = (key for product in sorted(chance.sample(products, _DEPLOYED)) for key in _pictures(product))
    some = tuple(key for key in keys if chance.random() < _SHARE)
    return Deploy(day + chance.random() * _LATEST * _DAY, some)


def _days() -> Iterable[float]:
    """The start of each day, in unix seconds."""
    for start, days in _MONTHS:
        yield from (start.timestamp() + day * _DAY for day in range(days))


def _write(path: Path, lines: Iterable[str]) -> None:
    # No name and no time is in the file, so that the same history makes the same file.
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.simulate.generate",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("kind", choices=KINDS, metavar="KIND", help=f"one of {', '.join(KINDS)}")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="default: 1")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
