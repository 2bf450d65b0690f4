"""Emulates ImageKit on this machine: purges, their status, the account, and a CDN edge before an S3 bucket.

In a test::

    origins = {"demo": Bucket.parse("my-bucket")}
    emulator = Emulator(Settings(private_key="private_x"), origins=origins, fetch=S3Origin(s3_url))
    with ImageKitServer(emulator) as server:
        body = {"url": f"{server.url}/demo/a.jpg"}
        requests.post(f"{server.url}/v1/files/purge", auth=("private_x", ""), json=body)

From a shell: ``python -m local.imagekit --help``.
"""

from local.imagekit.emulator import Emulator
from local.imagekit.origin import Bucket, Fetched, OriginError, S3Origin
from local.imagekit.server import ImageKitServer
from local.imagekit.settings import BadSetting, Settings

__all__ = [
    "BadSetting",
    "Bucket",
    "Emulator",
    "Fetched",
    "ImageKitServer",
    "OriginError",
    "S3Origin",
    "Settings",
]
