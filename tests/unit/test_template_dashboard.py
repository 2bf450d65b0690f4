"""The dashboard and the saved queries: what they name exists, and the dashboard stays in the free part."""

import json
import re
from typing import Any

import pytest

from purging.telemetry import Metric
from tests.unit.cloudformation import PROJECT, load
from tests.unit.deployment import Deployment

NAMESPACE = "ImageKitS3Purge"
ALARMS = {
    name: resource
    for name, resource in load()["Resources"].items()
    if resource["Type"] == "AWS::CloudWatch::Alarm"
}


def _body(buckets: str = "", *, dry_run: bool = False) -> Any:
    names = {f"{name}.Arn": f"arn:{name}" for name in ALARMS} | {"AWS::StackName": "purge-prod"}
    deployed = Deployment({"OriginBuckets": buckets, "DryRun": str(dry_run).lower()}, names)
    return json.loads(deployed.properties("StackDashboard")["DashboardBody"])


def _metrics(body: Any) -> list[list[Any]]:
    """The metrics of all graphs, with `.` written out, without their options."""
    found = []
    for widget in body["widgets"]:
        before: list[Any] = []
        for row in widget["properties"].get("metrics", []):
            texts = [part for part in row if isinstance(part, str)]
            if texts:
                before = [before[at] if part == "." else part for at, part in enumerate(texts)]
                found.append(before)
    return found


def test_the_dashboard_asks_three_questions_in_their_order() -> None:
    """Each heading is a text of the whole width, and graphs follow it."""
    widgets = _body(dry_run=True)["widgets"]
    assert widgets == sorted(widgets, key=lambda each: (each["y"], each["x"]))
    texts = [each["properties"]["markdown"] for each in widgets if each["type"] == "text"]
    assert [text.splitlines()[0] for text in texts[1:]] == [
        "## Are we fresh?",
        "## What does it cost?",
        "## What is stuck?",
        "## What would it purge?",
    ]
    for widget, after in zip(widgets, [*widgets[1:], None], strict=True):
        if widget["type"] == "text":
            assert widget["width"] == 24
            assert after is not None
            assert after["type"] in {"metric", "alarm"}


def test_no_widgets_overlap() -> None:
    """The grid has 24 columns."""
    taken: set[tuple[int, int]] = set()
    for widget in _body(dry_run=True)["widgets"]:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        assert all(x < 24 for x, _ in cells)
        taken |= cells


def test_every_metric_of_the_functions_is_on_the_dashboard() -> None:
    """And the dashboard shows no other one in their namespace, and none of another stack."""
    shown = [metric for metric in _metrics(_body(dry_run=True)) if metric[0] == NAMESPACE]
    assert {metric[1] for metric in shown} == {metric.value for metric in Metric}
    assert {tuple(metric[2:]) for metric in shown} == {("service", "purge-prod")}


def test_every_metric_is_published_somewhere() -> None:
    """A name that nobody publishes would be an empty line for ever."""
    code = "".join(path.read_text() for path in (PROJECT / "functions" / "purging").rglob("*.py"))
    assert set(re.findall(r"publish\(\s*Metric\.(\w+)", code)) == set(Metric.__members__)


@pytest.mark.parametrize("buckets", ["", "photos"])
def test_the_dashboard_shows_every_alarm_that_exists(buckets: str) -> None:
    """Only existing buckets have a rule with alarms and metrics."""
    body = _body(buckets)
    [states] = [widget for widget in body["widgets"] if widget["type"] == "alarm"]
    existing = {name for name, alarm in ALARMS.items() if buckets or "Condition" not in alarm}
    assert set(states["properties"]["alarms"]) == {f"arn:{name}" for name in existing}
    assert any(metric[0] == "AWS/Events" for metric in _metrics(body)) == bool(buckets)


def test_every_alarm_has_its_metric_on_the_dashboard() -> None:
    """Whoever gets the mail can see since when and how much."""
    shown = {tuple(metric[:2]) for metric in _metrics(_body("photos"))}
    for name, alarm in ALARMS.items():
        properties = alarm["Properties"]
        assert (properties["Namespace"], properties["MetricName"]) in shown, name


def test_the_dashboard_may_be_one_of_the_free_ones() -> None:
    """Up to 50 metrics each. See https://aws.amazon.com/cloudwatch/pricing/."""
    assert len(_metrics(_body("photos", dry_run=True))) <= 50


def test_a_week_of_a_dry_run_can_be_read() -> None:
    """The title says so. The last row has sums of the time shown, a week at first, and each day beside the
    quota: what would have been purged and evicted, and of how many changes. Other stacks have no such row."""
    body = _body(dry_run=True)
    assert "nothing is purged" in body["widgets"][0]["properties"]["markdown"]
    assert body["start"] == "-P7D"
    sums, days = (each["properties"] for each in body["widgets"][-2:])
    assert (sums["view"], sums["setPeriodToTimeRange"], sums["stat"]) == ("singleValue", True, "Sum")
    assert [row[1] for row in sums["metrics"]] == ["ChangesReceived", "DryRunPurges", "DryRunEvictions"]
    assert days["period"] == 86400
    assert "plannedf * 0 + 1000 * (100 - 10) / 100 / 30" in [
        row[0]["expression"] for row in days["metrics"][1:]
    ]
    usual = _body()
    assert "nothing is purged" not in usual["widgets"][0]["properties"]["markdown"]
    assert not {"DryRunPurges", "DryRunEvictions"} & {metric[1] for metric in _metrics(usual)}


def test_the_quota_is_a_line_that_the_month_must_not_cross() -> None:
    """Its value is the parameter, and what changes may use is rounded as the functions round it."""
    [graph] = [
        each for each in _body()["widgets"] if "against the quota" in each["properties"].get("title", "")
    ]
    [line] = graph["properties"]["annotations"]["horizontal"]
    assert line["value"] == load()["Parameters"]["MonthlyPurgeQuota"]["Default"]
    expressions = [row[0]["expression"] for row in graph["properties"]["metrics"] if len(row) == 1]
    assert "so_far * 0 + 1000 - FLOOR(1000 * 10 / 100)" in expressions


def test_every_expression_names_a_metric_of_its_graph() -> None:
    """CloudWatch shows an error instead of the graph otherwise."""
    for widget in _body("photos", dry_run=True)["widgets"]:
        rows = widget["properties"].get("metrics", [])
        options = [part for row in rows for part in row if isinstance(part, dict)]
        ids = [each["id"] for each in options if "id" in each]
        assert len(ids) == len(set(ids))
        for each in options:
            assert set(re.findall(r"\b[a-z]\w*", each.get("expression", ""))) <= set(ids)


@pytest.mark.parametrize("shown", ["true", "false"])
def test_the_dashboard_is_optional(shown: str) -> None:
    """A fourth one in an account costs money. Its output goes with it."""
    template = load()
    assert template["Resources"]["StackDashboard"]["Condition"] == "ShowDashboard"
    assert template["Outputs"]["DashboardName"]["Condition"] == "ShowDashboard"
    condition = Deployment({"Dashboard": shown}).evaluated(template["Conditions"]["ShowDashboard"])
    assert condition == (shown == "true")


def test_two_stacks_have_two_dashboards() -> None:
    """Dashboards have one list for all regions of an account."""
    names = {
        Deployment({}, {"AWS::StackName": stack, "AWS::Region": region}).properties("StackDashboard")[
            "DashboardName"
        ]
        for stack in ("dev", "prod")
        for region in ("eu-west-1", "us-east-1")
    }
    assert len(names) == 4


def test_the_operations_page_explains_every_metric() -> None:
    """With its unit."""
    page = (PROJECT / "docs" / "operations.md").read_text()
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (count|seconds) \|", page, re.MULTILINE)
    explained = {name: unit for names, unit in rows for name in re.findall(r"`(\w+)`", names)}
    assert explained.pop("ColdStart") == "count"
    assert explained == {metric.value: metric.unit.value.lower() for metric in Metric}
