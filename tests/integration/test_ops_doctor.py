"""`python -m ops doctor` with moto for AWS, and the emulator for ImageKit on a real socket."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.s3.models import s3_backends

from local.imagekit import Bucket, Emulator, Fetched, ImageKitServer, Settings
from local.workspace import PROJECT
from ops import __main__ as command
from tests.unit.cloudformation import load

KEY, RESTRICTED = "private_+full/key", "private_media_only"
BUCKET, STACK, ACCOUNT = "my-bucket", "imagekit-s3-purge", "123456789012"
E = "https://ik.imagekit.io/demo"
PAGE = f"""
<img src="{E}/cat.jpg" srcset="{E}/tr:w-300/cat.jpg 300w, {E}/cat.jpg?tr=w-600&amp;v=2 600w">
<img src="{E}/ik-seo/cat/a-cat-on-a-sofa.jpg">
<img src="{E}/https://my-bucket.s3.amazonaws.com/media/cat.jpg">
<img src="{E}/w_300,h_300/cat.jpg">
<img src="{E}/pets/all/dog.jpg?tr=l-image,i-logo.png,l-end">
<img src="{E}/pets/all/owl.jpg?tr=l-image,i-logo.png,l-end">
<img src="https://demo.imagekit.io/cat.jpg">
<a href="https://example.com/">elsewhere</a>
"""


def fetch(_bucket: str, key: str) -> Fetched:
    return Fetched(404, b"", "text/plain") if "gone" in key else Fetched(200, b"image", "image/png", '"e"')


@dataclass
class World:
    """The emulated ImageKit, and what AWS answers about the stack."""

    server: ImageKitServer
    parameters: dict[str, str]
    secret: str
    denied: set[str]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An account of ImageKit with two endpoints, a versioned bucket, and a stack with the restricted key."""
    settings = Settings(KEY, restricted_key=RESTRICTED)
    origins = {"demo": Bucket(BUCKET, "media"), "demo/shop": Bucket("shop-bucket")}
    monkeypatch.setattr("local.interruption.listen", lambda: None)
    monkeypatch.delenv("IMAGEKIT_PRIVATE_KEY", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("COLUMNS", "118")
    with mock_aws(), ImageKitServer(Emulator(settings, origins=origins, fetch=fetch)) as server:
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        secrets = boto3.client("secretsmanager")
        secret = secrets.create_secret(Name="key", SecretString=json.dumps({"private_key": RESTRICTED}))[
            "ARN"
        ]
        parameters = {name: str(each.get("Default", "")) for name, each in load()["Parameters"].items()}
        parameters |= {
            "UrlMap": f"{BUCKET}/media={E}",
            "OriginBuckets": BUCKET,
            "ImageKitApiUrl": server.url,
            "MonthlyPurgeQuota": "500",
        }
        world = World(server, parameters, secret, set())
        _answer_for_moto(monkeypatch, world)
        yield world


def _answer_for_moto(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    """moto has no stacks here, and stores what it does not answer about EventBridge."""
    from botocore.client import BaseClient  # noqa: PLC0415 # after moto has changed it

    real: Any = BaseClient._make_api_call  # type: ignore[attr-defined] # botocore's stubs leave it out

    def call(client: Any, operation: str, arguments: Any) -> Any:
        if operation in world.denied:
            code = "AccessDeniedException" if operation == "GetSecretValue" else "AccessDenied"
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, operation)
        if operation == "DescribeStacks":
            return {"Stacks": [_stack(world)]}
        answer = real(client, operation, arguments)
        if operation == "GetBucketNotificationConfiguration":
            kept: Any = s3_backends[ACCOUNT]["aws"].buckets[BUCKET].notification_configuration
            if kept and kept.event_bridge is not None:
                answer["EventBridgeConfiguration"] = {}
        return answer

    monkeypatch.setattr(BaseClient, "_make_api_call", call)


def _stack(world: World) -> dict[str, Any]:
    outputs = {"ImageKitSecretArn": world.secret, "LedgerTable": "ledger"}
    return {
        "StackId": f"arn:aws:cloudformation:us-east-1:{ACCOUNT}:stack/{STACK}/1",
        "Parameters": [
            {"ParameterKey": name, "ParameterValue": value} for name, value in world.parameters.items()
        ],
        "Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()],
    }


def connect() -> None:
    boto3.client("s3").put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )


def doctor(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["ops", "doctor", *words])
    return command.main()


def before_deployment(world: World) -> list[str]:
    return ["--bucket", BUCKET, "--imagekit-api-url", world.server.url]


def findings(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    answer = json.loads(capsys.readouterr().out)
    return [(each["severity"], f"{each['what']} {each['remedy']}") for each in answer["findings"]]


def test_the_example_of_the_document_is_what_it_prints(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """docs/doctor.md has the whole output, for the page of this file."""
    (tmp_path / "page.html").write_text(PAGE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    for path in ("cat.jpg", "cat.jpg?tr=w-600", "gone.jpg"):
        host = {"Host": "ik.imagekit.io"}
        requests.get(f"{world.server.url}/demo/{path}", headers=host, timeout=60)
    document = (PROJECT / "docs" / "doctor.md").read_text()
    [example] = re.findall(r"<!-- example -->\n```text\n(.*?)```", document, re.DOTALL)
    [printed] = re.findall(
        r"^\.venv/bin/python -m ops doctor (.*--pages page\.html)$", document, re.MULTILINE
    )
    assert doctor(monkeypatch, *printed.split(), "--imagekit-api-url", world.server.url) == 1
    output = capsys.readouterr().out
    assert output.rstrip() == example.rstrip()
    assert not re.search(r"[ ]$", output, re.MULTILINE), "no blanks at the end of a line in a file"


def test_a_stack_that_is_right_is_well(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the restricted key in the secret, and a standard key in the environment: exit status 0."""
    connect()
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    assert doctor(monkeypatch, "--stack-name", STACK) == 0
    output = capsys.readouterr().out
    assert "Findings: none. All is well." in output
    assert "450 of 500 purges a month are for changes" in output
    assert world.server.emulator.state.calls.get("purge") is None


def test_only_the_restricted_key_says_what_it_could_not_see(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stack's own key is not allowed to read the account, and the UrlMap stays."""
    connect()
    assert doctor(monkeypatch, "--stack-name", STACK, "--json") == 1
    [(severity, text)] = findings(capsys)
    assert (severity, "IMAGEKIT_PRIVATE_KEY" in text) == ("unseen", True)
    assert world.server.emulator.state.calls["account"].keys() == {"not-permitted"}


def test_a_stack_that_is_wrong(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The key is refused, the bucket is not connected, and the UrlMap has the wrong endpoint."""
    world.parameters["UrlMap"] = f"{BUCKET}={E}/shop"
    boto3.client("secretsmanager").put_secret_value(SecretId=world.secret, SecretString="private_old")
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    assert doctor(monkeypatch, "--stack-name", STACK, "--json") == 1
    mend = [text for severity, text in findings(capsys) if severity == "mend"]
    for words in ("refuses the stack's private key", "ops connect my-bucket", "shows nothing of the bucket"):
        assert any(words in text for text in mend)
    assert any(f"Add {BUCKET}/media={E} to UrlMap" in text for text in mend)


def test_missing_permissions_are_findings_with_the_action(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, and everything else is still said."""
    world.denied |= {"GetBucketVersioning", "GetBucketLocation", "GetBucketNotificationConfiguration"}
    world.denied |= {"GetSecretValue"}
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    assert doctor(monkeypatch, "--stack-name", STACK, "--json") == 1
    texts = " ".join(text for _, text in findings(capsys))
    for action in ("BucketLocation", "BucketVersioning", "BucketNotification"):
        assert f"s3:Get{action} on arn:aws:s3:::my-bucket" in texts
    assert "secretsmanager:GetSecretValue" in texts
    world.denied.add("DescribeStacks")
    assert doctor(monkeypatch, "--stack-name", STACK) == 2
    error = capsys.readouterr().err
    assert "it needs the permission cloudformation:DescribeStacks" in error
    assert "--region" not in error


def test_a_log_without_its_host_is_not_taken_for_seen(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Its lines have paths only. The finding says what to add."""
    log = tmp_path / "access.log"
    log.write_text('1.2.3.4 - - [] "GET /demo/cat.jpg HTTP/1.1" 200 5\n' * 3)
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    words = [*before_deployment(world), "--url-endpoint", E, "--json", "--pages", str(log)]
    assert doctor(monkeypatch, *words) == 1
    assert any("3 requests" in text and "--log-host https://" in text for _, text in findings(capsys))
    doctor(monkeypatch, *words, "--log-host", "https://ik.imagekit.io")
    assert not any("--log-host" in text for _, text in findings(capsys))


def test_an_empty_secret_and_no_key_at_all(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after the first deployment. AWS is still looked at."""
    boto3.client("secretsmanager").put_secret_value(SecretId=world.secret, SecretString='{"private_key": ""}')
    assert doctor(monkeypatch, "--stack-name", STACK, "--json") == 1
    texts = " ".join(text for _, text in findings(capsys))
    for words in ("holds no private key", "no private key to read", "ops connect my-bucket"):
        assert words in texts


def test_a_bucket_that_is_not_there(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One finding of S3, not one for each question."""
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    words = ["--bucket", "nobodys-bucket", "--imagekit-api-url", world.server.url, "--json"]
    assert doctor(monkeypatch, *words) == 1
    texts = [text for severity, text in findings(capsys) if severity == "mend"]
    assert [text.split(".")[0] for text in texts] == [
        "No URL-endpoint of the account shows bucket nobodys-bucket",
        "There is no bucket nobodys-bucket",
    ]


@pytest.mark.parametrize("kind", ["5xx", "429-no-headers", "reset-before"])
def test_an_imagekit_that_fails_is_no_traceback(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """Calls that fail alike are one finding."""
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)  # between the SDK's attempts
    fault = {"api": "account", "kind": kind, "times": 1000}
    requests.post(f"{world.server.url}/_control/faults", json=fault, timeout=60).raise_for_status()
    assert doctor(monkeypatch, *before_deployment(world), "--json") == 1
    unseen = [text for severity, text in findings(capsys) if severity == "unseen"]
    assert len(unseen) == 1
    assert "no usable answer to /v1/accounts/url-endpoints, /v1/accounts/origins, /v1/named" in unseen[0]


@pytest.mark.parametrize("as_json", [True, False])
def test_no_key_is_ever_shown(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, as_json: bool
) -> None:
    """Neither the one of the environment nor the one of the secret, also if ImageKit refuses both."""
    boto3.client("secretsmanager").put_secret_value(SecretId=world.secret, SecretString="private_old")
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", "private_wrong")
    assert doctor(monkeypatch, "--stack-name", STACK, *(["--json"] if as_json else [])) == 1
    captured = capsys.readouterr()
    assert "private key" in captured.out
    assert not re.search("private_(old|wrong)", captured.out + captured.err)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], "Name the bucket"),
        (["--bucket", BUCKET], "IMAGEKIT_PRIVATE_KEY"),
        (["--bucket", BUCKET, "--url-endpoint", "demo"], "--url-endpoint 'demo'"),
        (
            ["--bucket", BUCKET, "--url-endpoint", f"https://user:hunter2@{E[8:]}"],
            "'https://***@ik.imagekit.io/d",
        ),
        (["--bucket", BUCKET, "--log-host", "images.example.com"], "--log-host 'images.example.com'"),
        (["--bucket", BUCKET, "--imagekit-api-url", "http://api.imagekit.io"], "--imagekit-api-url"),
        (["--bucket", BUCKET, "--profile", "nobody"], "nobody"),
    ],
)
def test_what_cannot_run_exits_2_with_one_line(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    names: str,
) -> None:
    """The line names the value and the remedy. The key never travels without TLS."""
    assert world.server
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert doctor(monkeypatch, *words) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert names in line
    assert "hunter2" not in line


def test_a_person_is_asked_for_the_key(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a terminal, without the variable. Ctrl-D gives none."""
    connect()
    typed: list[str] = [f" {KEY} "]

    def getpass(_prompt: str) -> str:
        if typed:
            return typed.pop()
        raise EOFError

    monkeypatch.setattr("getpass.getpass", getpass)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert doctor(monkeypatch, *before_deployment(world), "--url-endpoint", E) == 0
    assert f"UrlMap={BUCKET}/media={E}" in capsys.readouterr().out
    assert doctor(monkeypatch, *before_deployment(world)) == 2
    assert "No private key" in capsys.readouterr().err


def test_a_file_that_cannot_be_read(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its name is in the message."""
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    assert doctor(monkeypatch, *before_deployment(world), "--pages", "no-such.html") == 2
    assert "--pages no-such.html: No such file" in capsys.readouterr().err
