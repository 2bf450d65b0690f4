"""`python -m ops status | explain | watch` with a made-up AWS. test_ops_answers.py runs them on the stack."""

import io
import json
import signal
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError
from rich.console import Console

from local.errors import BadInput, LocalError
from local.interruption import Interrupted
from ops import __main__ as command
from ops import asking
from ops.tables import explanation_tables, status_tables
from ops.watch import watch
from purging.answers.explanation import as_answer, findings
from purging.answers.reading import Backlog, Conditions, ObjectFacts, StackFacts
from purging.answers.status import status
from purging.answers.why import why
from purging.events.questions import NamedObject
from purging.ledger.inspection import Timing
from purging.ledger.records import State
from purging.purges import AcceptedPurge, FailingUrl
from purging.settings import Settings
from purging.urls import UrlMap

ENDPOINT = "https://ik.imagekit.io/demo"
NOW = 1_905_163_200.0
SETTINGS = Settings(
    UrlMap.parse(f"origin={ENDPOINT}", ["tr:w-300"]), "ledger", "secret", ignore_keys=("*.tmp",)
)
TROUBLE = State(
    used=900,
    failures=3,
    paused_until=NOW + 60,
    pause_reason="ImageKit answered [502]",
    failing={f"{ENDPOINT}/{n}.jpg": FailingUrl(2, NOW + 30, NOW, NOW) for n in range(25)},
    refused=frozenset({f"{ENDPOINT}/logo*"}),
)


def stack_answer(state: State = TROUBLE) -> dict[str, Any]:
    conditions = Conditions(NOW, state, "set", lease_until=NOW + 90)
    backlog = Backlog(1000, 50_000, 49_000, 50, NOW - 7200, all_changes=False)
    timings = (Timing("id-of-a-purge", NOW - 12, None), Timing("lost", NOW - 9000, None))
    return status(StackFacts(conditions, backlog, timings), SETTINGS)


def object_answer() -> dict[str, Any]:
    named = NamedObject("origin", "[b]a[/b].jpg")
    [plain, _] = SETTINGS.url_map.targets(named)
    made = AcceptedPurge("id", f"{ENDPOINT}/*", NOW - 60, completed_at=NOW)
    found = findings(named, ObjectFacts(Conditions(NOW, State(), ""), last={plain: made}), SETTINGS)
    return as_answer(found, why(found))


def shown(renderable: Any) -> str:
    text = io.StringIO()
    Console(file=text, width=120).print(renderable, highlight=False)
    return " ".join(text.getvalue().split())


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Invoke")


def function(answer: Any, **response: str) -> asking.Function:
    """A function whose invocation has this answer, or raises it."""

    def invoke(**_: Any) -> dict[str, Any]:
        if isinstance(answer, Exception):
            raise answer
        return {"Payload": io.BytesIO(json.dumps(answer).encode()), **response}

    client: Any = SimpleNamespace(invoke=invoke)
    return asking.Function(client, "SubmitPurge-1")


def aws(monkeypatch: pytest.MonkeyPatch, outputs: Any, answer: Any = None) -> None:
    """Replaces AWS by one whose stacks have these outputs, or raise them."""

    def describe_stacks(**_: str) -> dict[str, Any]:
        if isinstance(outputs, Exception):
            raise outputs
        return {"Stacks": [{"Outputs": outputs}]}

    clients = {
        "cloudformation": SimpleNamespace(describe_stacks=describe_stacks),
        "lambda": function(answer).client,
    }
    session = SimpleNamespace(client=lambda service, **_: clients[service])
    monkeypatch.setattr(asking, "boto3", SimpleNamespace(Session=lambda **_: session))


OUTPUTS = [{"OutputKey": "SubmitPurgeFunction", "OutputValue": "SubmitPurge-1"}]


def test_the_status_is_a_table_of_all_that_matters() -> None:
    """Lower bounds are named as such, and text of ImageKit is no markup."""
    text = shown(status_tables(stack_answer()))
    for part in (
        "900 of 1000 purges used in 2030-05; 0 left for changes; 100 in reserve",
        "the quota ends at 2030-05-16",
        "at least 50000 changes of at least 49000 objects (about 1000000 in 1000 change sets)",
        "the oldest is 2 hours old",
        "paused: No calls are made for now: ImageKit answered [502] (next attempt by",
        "at work; its lease ends at",
        "1 in flight; the oldest, id-of-a-purge, for 12 s; 1 of the last day never seen Completed",
        "2 purges were accepted and 0 Completed",
        "1 wildcards, which are avoided",
        "… 5 more",
        f"url_map origin={ENDPOINT}",
        "ignore_keys *.tmp",
        "query_variants true",
    ):
        assert part in text
    assert "setting" not in shown(status_tables(stack_answer(), settings=False))


def test_the_explanation_shows_urls_purges_and_the_sentence() -> None:
    """A key that looks like markup is shown as it is."""
    text = shown(explanation_tables(object_answer()))
    assert "s3://origin/[b]a[/b].jpg at" in text
    assert f"{ENDPOINT}/*" in text
    assert "Browsers keep an image for up to a year" in text


@pytest.mark.parametrize(
    ("words", "answer"),
    [(["status"], stack_answer), (["explain", "origin/a.jpg"], object_answer)],
)
def test_the_answer_can_be_had_as_json(
    words: list[str],
    answer: Callable[[], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All of it, and nothing else."""
    aws(monkeypatch, OUTPUTS, answer())
    arguments = command._parser().parse_args([*words, "--json"])
    assert arguments.run(arguments, Console(width=40)) == 0
    assert json.loads(capsys.readouterr().out) == answer()


@pytest.mark.parametrize("words", [["status"], ["explain", "origin/a.jpg"], ["watch"]])
def test_a_missing_permission_is_one_line_and_exit_status_2(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For the stack, and for the function. The line is on standard error."""
    monkeypatch.setattr("local.interruption.listen", lambda: None)
    monkeypatch.setattr("sys.argv", ["ops", *words])
    for outputs, answer, permission in (
        (refusal("AccessDenied"), None, "cloudformation:DescribeStacks"),
        (OUTPUTS, refusal("AccessDeniedException"), "lambda:InvokeFunction"),
    ):
        aws(monkeypatch, outputs, answer)
        assert command.main() == 2
        [line] = capsys.readouterr().err.splitlines()
        assert permission in line


def test_tables_in_a_file_have_no_blanks_at_the_end_of_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that they can be compared, and pasted into a document."""
    for words, answer in ((["status"], stack_answer()), (["explain", "origin/a.jpg"], object_answer())):
        aws(monkeypatch, OUTPUTS, answer)
        arguments = command._parser().parse_args(words)
        assert arguments.run(arguments, Console(width=100)) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) > 5
        assert [line for line in lines if line != line.rstrip()] == []


def test_what_the_function_refuses_is_bad_input() -> None:
    """Its own words name the value and the remedy. An older deployment knows no questions."""
    refused = {"errorType": "InvalidRequest", "errorMessage": "explain is 'a'"}
    with pytest.raises(BadInput, match="SubmitPurge-1 answered InvalidRequest: explain is 'a'"):
        function(refused, FunctionError="Unhandled").ask({})
    old = {"errorType": "MalformedEvent", "errorMessage": "no S3, SQS, SNS or EventBridge event"}
    with pytest.raises(BadInput, match="deploy the current version"):
        function(old, FunctionError="Unhandled").ask({})


@pytest.mark.parametrize(
    ("answer", "error", "names"),
    [
        ({"errorType": "ClientError", "errorMessage": "no table"}, LocalError, "no table\nThe log of Submit"),
        (
            refusal("AccessDeniedException"),
            BadInput,
            "no; it needs the permission lambda:InvokeFunction on Sub",
        ),
        (refusal("ExpiredTokenException"), BadInput, "no; renew your credentials"),
        (
            EndpointConnectionError(endpoint_url="https://x"),
            BadInput,
            "Could not connect.*; check the network",
        ),
    ],
)
def test_a_function_that_does_not_answer(answer: Any, error: type[Exception], names: str) -> None:
    """The command ends with one message, and no traceback."""
    with pytest.raises(error, match=names):
        function(answer, FunctionError="Unhandled").ask({})


@pytest.mark.parametrize(
    ("outputs", "names"),
    [
        (refusal("ValidationError"), "name the stack with --stack-name, and its region with --region"),
        (refusal("AccessDenied"), "no; it needs the permission cloudformation:DescribeStacks on it$"),
        (NoCredentialsError(), "log in, or name credentials with --profile$"),
        (NoRegionError(), "name the region with --region$"),
        (EndpointConnectionError(endpoint_url="https://x"), "Could not connect.*; check the network"),
        ([], "has no output SubmitPurgeFunction"),
    ],
)
def test_a_stack_that_cannot_be_used(outputs: Any, names: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the stack and the remedy."""
    aws(monkeypatch, outputs)
    with pytest.raises(BadInput, match=names):
        asking.function_of("my-stack", profile=None, region=None)


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("as_json", [True, False])
def test_a_watch_shows_each_answer_until_ctrl_c(*, terminal: bool, as_json: bool) -> None:
    """Ctrl-C is its ordinary end, with the exit status 0."""
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise Interrupted(signal.SIGINT)

    text = io.StringIO()
    console = Console(file=text, width=120, height=60, force_terminal=terminal, no_color=True)
    assert watch(stack_answer, console, every=7.0, as_json=as_json, sleep=wait) == 0
    assert waits == [7.0, 7.0, 7.0]
    if as_json:
        assert [json.loads(line) for line in text.getvalue().splitlines()] == [stack_answer()] * 3
    else:
        assert text.getvalue().count("Status at") >= 3


def test_another_signal_ends_a_watch_as_it_ends_any_command() -> None:
    """So that its exit status names the signal."""

    def interrupt(_seconds: float) -> None:
        raise Interrupted(signal.SIGTERM)

    with pytest.raises(Interrupted):
        watch(stack_answer, Console(file=io.StringIO()), every=1.0, as_json=True, sleep=interrupt)
