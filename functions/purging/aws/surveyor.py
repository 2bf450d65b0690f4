"""Looks into buckets, and goes on without if it may not."""

from collections.abc import Callable, Sequence
from math import inf

from purging.aws.clients import AWS_ERRORS
from purging.aws.survey import Lister, Survey
from purging.planning.neighbours import Neighbours
from purging.telemetry import logger


class Surveyor:
    """Looks into buckets. Without permission, or when S3 fails, it finds no more and says so once."""

    def __init__(self, lister: Lister) -> None:
        self._lister = lister
        self._warned = False

    def around(
        self,
        bucket: str,
        changed: Sequence[str],
        *,
        versions: bool,
        ask: Sequence[str] = (),
        remaining: Callable[[], float] = lambda: inf,
    ) -> Neighbours:
        """The neighbours of changed keys, which come sorted by code point, as S3 sorts.

        Of the keys to `ask` for, each that no run reached is listed by itself. The look ends when a request
        could take longer than the `remaining()` seconds.
        """
        look = Survey(self._lister, bucket, changed, versions=versions, remaining=remaining)
        try:
            look.run(ask)
        except AWS_ERRORS as error:
            if not self._warned:
                self._warned = True
                logger.warning(
                    "bucket not listed: changes are purged one by one, and new objects too; SubmitPurge "
                    "needs s3:ListBucket and s3:ListBucketVersions there",
                    bucket=bucket,
                    reason=str(error),
                )
        return look.found()
