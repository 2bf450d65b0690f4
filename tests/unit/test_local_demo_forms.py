"""The second act of the demo: its parameters cover every form that it shows."""

import io
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from local.demo.catalogue import ChangeKind, image_specs
from local.demo.display import Display
from local.demo.url_forms import KEY, forms, parameters
from local.observer import Accepted
from purging.changes import ObjectChange
from purging.settings import Settings
from tests.unit.test_template import BAD
from tests.unit.test_template_limits import _permitted


class _Stack:
    url_endpoint = "http://127.0.0.1:4010/demo"
    bucket = "imagekit-s3-purge-local-originbucket-0123456789ab"


STACK: Any = _Stack()


def test_every_form_that_is_shown_is_covered() -> None:
    """And the template takes the parameters."""
    given = parameters(STACK)
    assert all(_permitted(name, given[name]) for name in given if name in BAD)
    environment = {
        "URL_MAP": given["UrlMap"],
        "PATH_TRANSFORMATIONS": given["PathTransformations"],
        "SEO_URLS": given["SeoUrls"],
        "DEPENDENTS": given["Dependents"],
        "LEDGER_TABLE": "ledger",
        "IMAGEKIT_SECRET_ARN": "arn",
    }
    change: Any = ObjectChange(STACK.bucket, KEY, "created", None)  # type: ignore[arg-type] # is not asked for
    targets = Settings.from_env(environment).url_map.targets(change)
    purges = [url if url.endswith("*") else f"{url}*" for url in targets]
    for shown in forms(STACK):
        assert any(Accepted("id", purge, 0.0, None).covers(shown.url) for purge in purges), shown
    assert len(targets) == 16


def test_the_image_is_one_that_the_first_act_leaves() -> None:
    """And so is the image that depends on it."""
    untouched = {spec.key for spec in image_specs() if spec.kind is ChangeKind.UNTOUCHED}
    assert {KEY, "campaigns/winter-2026/look-01.jpg"} <= untouched


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_the_console(width: int) -> None:
    """Long URLs go on in the next line; nothing is cut off."""
    shown = io.StringIO()
    rows = [(each.form, each.url, each.url, "Age 40", "4.7 s") for each in forms(STACK)]
    Display(Console(file=shown, width=width)).url_forms(rows)
    lines = shown.getvalue().splitlines()
    assert all(cell_len(line) <= width for line in lines)
    assert sum("4.7 s" in line for line in lines) == len(rows)
