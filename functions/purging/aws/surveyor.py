"""Surveys buckets for a plan, within the time that is left. If S3 refuses, fewer neighbours are known."""

from collections.abc import Callable, Sequence

from purging.aws.clients import AWS_CALL_SECONDS, AWS_ERRORS
from purging.aws.survey import Lister, Survey
from purging.planning.neighbours import Neighbours
from purging.planning.surveys import BucketSurvey, SurveyRequest
from purging.telemetry import logger


class Surveyor:
    """Surveys buckets by a lister."""

    def __init__(self, lister: Lister) -> None:
        self._lister = lister
        self._warned = False
        self._large: set[str] = set()

    def run(self, surveys: Sequence[BucketSurvey], remaining: Callable[[], float]) -> list[list[Neighbours]]:
        """Return what the requests of each survey found, in their order.

        `remaining()` are the seconds that all of them may still take. Each survey may take an equal share of
        that, and each of its requests an equal share of the survey's. The next ones get the time that one
        does not use. If a bucket cannot be listed, fewer neighbours are known. The first such bucket of a
        process is logged.
        """
        results: list[list[Neighbours]] = []
        for position, survey in enumerate(surveys):
            of_survey = _share(remaining, len(surveys) - position)
            requests = [request for request in survey.requests if request]
            results.append(
                [
                    self.around(request, _share(of_survey, len(requests) - number))
                    for number, request in enumerate(requests)
                ]
            )
        return results

    def around(self, request: SurveyRequest, remaining: Callable[[], float]) -> Neighbours:
        """Return the neighbours of the keys of a request.

        The survey ends when a request to S3 could take longer than the `remaining()` seconds.
        """
        survey = Survey(self._lister, request, remaining, large=request.bucket in self._large)
        try:
            survey.run()
        except AWS_ERRORS as error:
            if not self._warned:
                self._warned = True
                logger.warning(
                    "bucket not listed: changes are purged one by one, and new objects too; SubmitPurge "
                    "needs s3:ListBucket and s3:ListBucketVersions there",
                    bucket=request.bucket,
                    reason=str(error),
                )
        if survey.large:
            self._large.add(request.bucket)
        return survey.found()


def _share(remaining: Callable[[], float], parts: int) -> Callable[[], float]:
    """The seconds for the first of so many parts: one request, and an equal share of the other seconds."""
    others = max(0.0, remaining() - AWS_CALL_SECONDS) * (1 - 1 / parts)
    return lambda: remaining() - others
