"""The emulated ImageKit, in a process of its own: its time and memory are not those of the handlers.

It serves HTTPS, as ImageKit's API does. A handler that makes a connection for each call pays for that with
each call: it reads all certificates that a machine trusts, and shakes hands.
"""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.managers import BaseManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, cast

import certifi
from requests import adapters

from benchmarks.throughput.aws import BUCKET, PRIVATE_KEY
from local import certificate
from local.imagekit import Bucket, Emulator, ImageKitServer, Settings


class ImageKit(Protocol):
    """The emulator, as other processes see it."""

    def url(self) -> str:
        """The URL of its API."""

    def purged(self) -> list[str]:
        """The URLs of all accepted purges, in order."""


class _Served:
    """An ImageKit without rate limits, and with more quota than is ever used, on a free port."""

    def __init__(self, certificate_file: Path, key_file: Path) -> None:
        settings = Settings(
            PRIVATE_KEY, quota=10**9, write_rate=1e6, write_burst=10**6, read_rate=1e6, read_burst=10**6
        )
        self._emulator = Emulator(settings, origins={"demo": Bucket.parse(BUCKET)})
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate_file, key_file)
        self._server = ImageKitServer(self._emulator, tls=tls)
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
    """An emulator that runs as long as the block. The end of the block ends its process.

    From then on, `requests` trusts in this process what it trusts by itself, and the emulator's certificate.
    """
    with TemporaryDirectory() as folder, _Manager(ctx=get_context("spawn")) as manager:
        certificate_file, key_file = certificate.make(Path(folder))
        trusted = Path(folder, "trusted.crt")
        trusted.write_bytes(Path(certifi.where()).read_bytes() + certificate_file.read_bytes())
        os.environ["REQUESTS_CA_BUNDLE"] = str(trusted)
        # SubmitPurge does not read that: its environment decides nothing about its calls.
        adapters.DEFAULT_CA_BUNDLE_PATH = str(trusted)
        yield cast("ImageKit", manager.served(certificate_file, key_file))  # type: ignore[attr-defined] # registered
