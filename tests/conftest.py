"""Fixtures and settings of all tests: an environment without access to AWS."""

import os

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

# Powertools reads these when the functions are imported. Lambda sets them before the first event.
os.environ["POWERTOOLS_METRICS_NAMESPACE"] = "ImageKitS3Purge"
os.environ["POWERTOOLS_SERVICE_NAME"] = "imagekit-s3-purge"

from purging.telemetry import metrics

# The quick profile is fast enough to run all day. HYPOTHESIS_PROFILE=thorough searches more at once. There is
# no deadline and no check for slow examples, because a shared machine pauses.
_PATIENT = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("quick", _PATIENT, max_examples=30)
hypothesis.settings.register_profile("thorough", _PATIENT, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(autouse=True)
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets test credentials and a region, and removes AWS settings of the user."""
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
    """Clears the metrics, which the whole process shares, so that a test counts only its own."""
    metrics.clear_metrics()


class OneStack(LoadScopeScheduling):
    """Gives all tests of e2e/ to one worker, which has the embedded stack.

    If only tests of e2e/ are selected, each worker starts a stack of its own: the others would be idle.
    `--dist loadgroup` does not group with pytest 9.2 (pytest-dev/pytest-xdist#1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        """Returns the group of a test: e2e/, or its file, whose tests may share a fixture."""
        path: str = nodeid.partition("::")[0]
        alone = all(argument.startswith("tests/e2e") for argument in self.config.args)
        return "tests/e2e" if path.startswith("tests/e2e/") and not alone else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> OneStack:
    """Is used with several workers, whatever `--dist` says."""
    return OneStack(config, log)
