"""What the import of a handler loads, which is most of its cold start, and what it must not do."""

import subprocess
import sys
from functools import cache

import pytest

from tests.unit.cloudformation import PROJECT

# What an import must not have: clients, and a session, which would read settings and credentials.
_CLIENTS = """
import botocore.client, botocore.session
def made(*_args, **_options): raise AssertionError("an AWS client or session was made at import")
botocore.client.ClientCreator.create_client = botocore.session.Session.__init__ = made
"""


@cache
def _loaded(handler: str) -> frozenset[str]:
    """The modules that a new Python has after the import of a handler. There are no settings."""
    code = f"{_CLIENTS}\nimport sys, {handler}\nprint(*sys.modules)"
    done = subprocess.run(  # noqa: S603 - the lines above
        [sys.executable, "-c", code],
        cwd=PROJECT / "functions",
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    return frozenset(done.stdout.split())


@pytest.mark.parametrize("handler", ["submit_purge", "check_purges"])
def test_no_handler_loads_what_no_function_uses(handler: str) -> None:
    """boto3 has clients of botocore, and more that takes time. No client or session is made at import."""
    assert not {"boto3", "s3transfer"} & _loaded(handler)


@pytest.mark.parametrize(
    ("handler", "others"),
    [
        ("submit_purge", ("checking", "imagekit.freshness", "answers")),
        ("check_purges", ("planning", "draining", "intake", "bootstrap", "events.sources", "aws.surveyor")),
    ],
)
def test_a_handler_does_not_load_what_only_the_other_uses(handler: str, others: tuple[str, ...]) -> None:
    """So a new module of one function does not slow down the other, and neither do those for questions."""
    assert not {f"purging.{other}" for other in others} & _loaded(handler)


def test_each_handler_loads_its_own_modules() -> None:
    """The names in the tests above are names of modules: those tests can fail."""
    assert {"purging.planning", "purging.draining", "purging.intake", "purging.bootstrap"} <= _loaded(
        "submit_purge"
    )
    assert {"purging.events.sources", "purging.aws.surveyor"} <= _loaded("submit_purge")
    assert {"purging.checking", "purging.imagekit.freshness"} <= _loaded("check_purges")
