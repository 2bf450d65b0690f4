"""What every test has: an environment of its own, with no way out to AWS."""

import os

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

# Powertools reads these when the functions are imported, as Lambda does before the first event.
os.environ["POWERTOOLS_METRICS_NAMESPACE"] = "ImageKitS3Purge"
os.environ["POWERTOOLS_SERVICE_NAME"] = "imagekit-s3-purge"

from purging.telemetry import metrics

# Enough to find a fault within days of running, and quick enough to run all day. HYPOTHESIS_PROFILE=thorough
# looks harder at once. No deadline, and no word about slow examples: a shared machine pauses.
_PATIENT = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("quick", _PATIENT, max_examples=30)
hypothesis.settings.register_profile("thorough", _PATIENT, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(autouse=True)
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up credentials and a region, whatever the machine has; no AWS profile of the user's."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def no_metrics_left() -> None:
    """Metrics pile up in one place for the process; what a test counts is its own."""
    metrics.clear_metrics()


class OneStack(LoadScopeScheduling):
    """However many workers there are, one of them has the embedded stack, and with it all tests of e2e/.

    If nothing else is asked for, each worker has a stack: they would be idle otherwise.

    `--dist loadgroup` does not group with pytest 9.2 (pytest-dev/pytest-xdist#1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        """What stays together: e2e/, and the tests of any other file, which may share a fixture."""
        path: str = nodeid.partition("::")[0]
        alone = all(argument.startswith("tests/e2e") for argument in self.config.args)
        return "tests/e2e" if path.startswith("tests/e2e/") and not alone else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> OneStack:
    """Used with several workers, whatever `--dist` says."""
    return OneStack(config, log)
