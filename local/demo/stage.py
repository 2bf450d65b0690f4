"""Puts the catalogue on stage: uploads it, lets the edge cache it, then changes it through the S3 API."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

from local.demo.catalogue import Act, Piece
from local.demo.edge import VARIANTS, Edge, EdgeAnswer
from local.errors import LocalError
from local.images import Picture, draw
from local.stack import Stack

_AT_ONCE = 4
_WARM_SECONDS = 120.0
_POLL = 0.2  # seconds


@dataclass(slots=True)
class Subject:
    """An image on stage: its URLs, and what they show before and after; None where there is no image.

    `changed_at` is when the call that changed it was made, in unix seconds; 0 if it was not changed.
    """

    piece: Piece
    urls: tuple[str, ...]
    before: Picture | None
    after: Picture | None
    changed_at: float = 0.0

    @property
    def kept(self) -> bool:
        """Whether nothing happens to it."""
        return self.piece.act is Act.KEPT


def cast(stack: Stack, pieces: Sequence[Piece]) -> list[Subject]:
    """A subject for each piece; nothing is uploaded yet."""
    first = {piece.key: draw(number, 1, piece.extension) for number, piece in enumerate(pieces, start=1)}
    subjects = []
    for number, piece in enumerate(pieces, start=1):
        after: Picture | None = first[piece.key]
        if piece.act in (Act.OVERWRITTEN, Act.ADDED):
            after = draw(number, 2, piece.extension)
        elif piece.act is Act.DELETED:
            after = None
        elif piece.act is Act.COPIED:
            after = first[piece.source]
        urls = tuple(f"{stack.url(piece.key)}{variant}" for variant in VARIANTS)
        before = None if piece.act is Act.ADDED else first[piece.key]
        subjects.append(Subject(piece, urls, before, after))
    return subjects


def upload(stack: Stack, subjects: Sequence[Subject]) -> None:
    """Put every image that exists at the start, in its first version."""

    def put(subject: Subject) -> None:
        if subject.before:
            _put(stack, subject.piece.key, subject.before)

    _each(put, subjects)


def warm(edge: Edge, subjects: Sequence[Subject]) -> dict[str, EdgeAnswer]:
    """Fetch every URL until the edge serves it from its cache with an `Age` above 0; the last answers.

    Raises LocalError if that takes too long, or if the edge shows anything but the first versions.
    """
    expected = {url: subject.before for subject in subjects for url in subject.urls}
    warmed: dict[str, EdgeAnswer] = {}
    deadline = time.monotonic() + _WARM_SECONDS
    while cold := [url for url in expected if url not in warmed]:
        for url, look in edge.look(cold):
            picture = expected[url]
            if not look.shows(picture.body if picture else None):
                raise LocalError(f"The edge answered {look.status} to {url}, and not with what was uploaded.")
            if look.hit and look.age > 0:
                warmed[url] = look
        if time.monotonic() >= deadline:
            raise LocalError(f"{len(cold)} URLs are no hits after {_WARM_SECONDS:g} seconds: {cold[0]} …")
        time.sleep(_POLL)
    return warmed


def change(
    stack: Stack, edge: Edge, subjects: Sequence[Subject]
) -> tuple[list[Subject], dict[str, EdgeAnswer]]:
    """Do to each subject what its piece says, through the S3 API; those that changed, and the edge's answers
    to their URLs right after.

    Later is too late on a busy machine: the first purges may be Completed before all changes are made. No
    change waits for an answer, though: it is one upload, and so it is to be gathered.
    """
    looks: list[Iterator[tuple[str, EdgeAnswer]]] = []

    def act(subject: Subject) -> None:
        subject.changed_at = time.time()
        key = subject.piece.key
        if subject.piece.act is Act.DELETED:
            stack.s3.delete_object(Bucket=stack.bucket, Key=key)
        elif subject.piece.act is Act.COPIED:
            source = {"Bucket": stack.bucket, "Key": subject.piece.source}
            # The stubs want a TypedDict of their own.
            stack.s3.copy_object(Bucket=stack.bucket, Key=key, CopySource=source)  # type: ignore[arg-type]
        elif subject.after:
            _put(stack, key, subject.after)
        looks.append(edge.look(subject.urls))

    changed = [subject for subject in subjects if not subject.kept]
    _each(act, changed)
    return changed, dict(chain.from_iterable(looks))


def counted(subjects: Sequence[Subject]) -> Iterator[tuple[Act, int]]:
    """How many subjects have each act, of those that happen at all."""
    for act in Act:
        if number := sum(subject.piece.act is act for subject in subjects):
            yield act, number


def _put(stack: Stack, key: str, picture: Picture) -> None:
    stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=picture.body, ContentType=picture.content_type)


def _each(act: Callable[[Subject], None], subjects: Sequence[Subject]) -> None:
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="stage") as pool:
        list(pool.map(act, subjects))
