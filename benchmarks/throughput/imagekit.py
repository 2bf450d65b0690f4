"""The emulated ImageKit, in a process of its own: its time and memory are not those of the handlers."""

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.managers import BaseManager
from typing import Protocol, cast

from benchmarks.throughput.aws import BUCKET, PRIVATE_KEY
from local.imagekit import Bucket, Emulator, ImageKitServer, Settings


class ImageKit(Protocol):
    """The emulator, as other processes see it."""

    def url(self) -> str:
        """The URL of its API."""

    def purged(self) -> list[str]:
        """The URLs of all accepted purges, in order."""


class _Served:
    """An ImageKit without rate limits, and with more quota than is ever used, on a free port."""

    def __init__(self) -> None:
        settings = Settings(
            PRIVATE_KEY, quota=10**9, write_rate=1e6, write_burst=10**6, read_rate=1e6, read_burst=10**6
        )
        self._emulator = Emulator(settings, origins={"demo": Bucket.parse(BUCKET)})
        self._server = ImageKitServer(self._emulator)
        self._server.start()

    def url(self) -> str:
        return self._server.url

    def purged(self) -> list[str]:
        return [purge.url for purge in self._emulator.state.purges.all()]


class _Manager(BaseManager):
    """Has the emulator in its process."""


_Manager.register("served", _Served)


@contextmanager
def emulated_imagekit() -> Iterator[ImageKit]:
    """An emulator that runs as long as the block. The end of the block ends its process."""
    with _Manager(ctx=get_context("spawn")) as manager:
        yield cast("ImageKit", manager.served())  # type: ignore[attr-defined] # registered
