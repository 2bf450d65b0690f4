"""ImageKit's official SDK reads what the emulated account has: endpoints, origins, transformations, usage."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import imagekitio
import pytest
import requests
from imagekitio import ImageKit
from imagekitio.types.accounts.origin_response import S3
from pydantic import TypeAdapter, ValidationError

from local.imagekit import Bucket, Emulator, Fetched, ImageKitServer, Settings

KEY, RESTRICTED = "private_full", "private_media_only"
TODAY = datetime.now(UTC).date()
ORIGINS = {"demo": Bucket("photos", "public"), "demo/shop": Bucket("goods"), "other": Bucket("theirs")}


def fetch(_bucket: str, key: str) -> Fetched:
    """An origin that has every object but those that are missing."""
    return Fetched(404, b"", "text/plain") if "missing" in key else Fetched(200, b"12345", "image/png", '"e"')


@pytest.fixture
def server() -> Iterator[ImageKitServer]:
    emulator = Emulator(Settings(KEY, restricted_key=RESTRICTED, delay=0), origins=ORIGINS, fetch=fetch)
    with ImageKitServer(emulator) as server:
        yield server


@pytest.fixture
def sdk(server: ImageKitServer) -> Iterator[ImageKit]:
    with ImageKit(private_key=KEY, base_url=server.url, max_retries=0, timeout=60) as client:
        yield client


def control(server: ImageKitServer, **lists: Any) -> requests.Response:
    return requests.post(f"{server.url}/_control/account", json=lists, timeout=60)


def check(model: Any, answer: Any) -> None:
    """Checks every field. The SDK itself builds its models without a check."""
    TypeAdapter(model).validate_python(answer)


def test_the_sdk_reads_every_endpoint_without_an_error(server: ImageKitServer, sdk: ImageKit) -> None:
    """All fields are there, and of the SDK's types: the check of pydantic is strict."""
    shown = {"id": "1", "name": "thumb", "transformation": "w-100", "enabled": True}
    assert control(server, namedTransformations=[shown | {"createdAt": "2026-11-01T10:00:00Z"}]).ok
    requests.get(f"{server.url}/demo/tr:w-300/a.png", timeout=60)
    raw = sdk.with_raw_response
    answers = [
        sdk.accounts.with_raw_response.url_endpoints.list(),
        sdk.accounts.with_raw_response.origins.list(),
        raw.named_transformations.list(),
        sdk.accounts.with_raw_response.usage_analytics.get(start_date=TODAY, end_date=TODAY),
    ]
    models = [
        list[imagekitio.types.accounts.URLEndpointResponse],
        list[imagekitio.types.accounts.OriginResponse],
        list[imagekitio.types.shared.NamedTransformation],
        imagekitio.types.accounts.UsageAnalyticsResponse,
    ]
    for answer, model in zip(answers, models, strict=True):
        assert answer.http_response.status_code == 200
        check(model, answer.http_response.json())
    assert [each.name for each in sdk.named_transformations.list()] == ["thumb"]
    with pytest.raises(ValidationError):  # the check can fail
        check(models[0], [{"id": "default"}])


def test_the_lists_follow_from_what_the_edge_serves(sdk: ImageKit) -> None:
    """The account is the one of the first id: an endpoint for each pattern, an origin for each bucket."""
    endpoints = sdk.accounts.url_endpoints.list()
    assert [(each.id == "default", each.url_prefix) for each in endpoints] == [(True, ""), (False, "shop")]
    found = {}
    for origin in sdk.accounts.origins.list():
        assert isinstance(origin, S3)
        found[origin.id] = (origin.bucket, origin.prefix)
    assert [found[each.origins[0]] for each in endpoints] == [("photos", "public"), ("goods", "")]


def test_the_analytics_count_what_the_edge_served(server: ImageKitServer, sdk: ImageKit) -> None:
    """Transformations of path and query count alike, as at ImageKit. 404s are named by their URLs."""
    for path in ("tr:w-300/a.png", "tr:w-300/b.png", "a.png?tr=w-50", "a.png", "a.png", "missing.png"):
        requests.get(f"{server.url}/demo/{path}", timeout=60)
    requests.get(f"{server.url}/demo/shop/c.png", timeout=60)
    used = sdk.accounts.usage_analytics.get(start_date=TODAY, end_date=TODAY)
    assert [(each.name, each.request_count) for each in used.top404_assets] == [
        (f"{server.url}/demo/missing.png", 1)
    ]
    transforms = used.top_image_transforms.by_requests
    assert [(each.name, each.request_count) for each in transforms] == [("tr:w-300", 2), ("tr:w-50", 1)]
    top = used.top_images.by_requests[0]
    assert (top.name, top.request_count, top.bandwidth_bytes) == (f"{server.url}/demo/a.png", 4, 20)
    assert (used.request_count, used.cache.hit_count, used.cache.miss_count) == (7, 1, 6)
    assert {each.name: each.request_count for each in used.url_endpoints.by_requests} == {
        "Default": 6,
        "shop": 1,
    }
    before = sdk.accounts.usage_analytics.get(start_date=date(2020, 1, 1), end_date=date(2020, 1, 31))
    assert before.request_count == 0


@pytest.mark.parametrize(
    ("start", "end"), [("2026-01-31", "2026-01-01"), ("2026-01-01", "2026-04-01"), ("soon", "2026-01-01")]
)
def test_days_that_make_no_sense_are_refused(sdk: ImageKit, start: str, end: str) -> None:
    """In the wrong order, 90 days apart, or no days at all."""
    with pytest.raises(imagekitio.BadRequestError, match="startDate and endDate"):
        sdk.accounts.usage_analytics.get(start_date=start, end_date=end)


def test_a_restricted_key_purges_and_reads_no_account(sdk: ImageKit) -> None:
    """It may do what the function does, and nothing else."""
    restricted = sdk.with_options(private_key=RESTRICTED)
    request_id = restricted.cache.invalidation.create(url="https://ik.imagekit.io/demo/a/b.jpg").request_id
    assert restricted.cache.invalidation.get(request_id or "").status == "Completed"
    with pytest.raises(imagekitio.PermissionDeniedError, match="does not have permission"):
        restricted.accounts.origins.list()


def test_a_list_can_be_replaced_until_a_reset(server: ImageKitServer, sdk: ImageKit) -> None:
    """A test describes a rewriter, for example. Other lists stay; a wrong one is refused with its name."""
    rewritten = {"id": "default", "description": "", "urlPrefix": "", "origins": []}
    assert control(server, urlEndpoints=[rewritten | {"urlRewriter": {"type": "IMGIX"}}]).ok
    [only] = sdk.accounts.url_endpoints.list()
    assert only.url_rewriter is not None
    assert only.url_rewriter.type == "IMGIX"
    assert len(sdk.accounts.origins.list()) == 2
    refused = control(server, origin=[])
    assert (refused.status_code, "unknown list 'origin'" in refused.text) == (400, True)
    assert "urlEndpoints is no list of objects" in control(server, urlEndpoints=["x"]).text
    requests.post(f"{server.url}/_control/reset", timeout=60)
    assert len(sdk.accounts.url_endpoints.list()) == 2


def test_faults_hit_the_account_too(server: ImageKitServer, sdk: ImageKit) -> None:
    """And no other call."""
    fault = {"api": "account", "kind": "5xx"}
    requests.post(f"{server.url}/_control/faults", json=fault, timeout=60).raise_for_status()
    sdk.cache.invalidation.create(url="https://ik.imagekit.io/demo/a/b.jpg")
    with pytest.raises(imagekitio.InternalServerError):
        sdk.accounts.origins.list()
    assert sdk.accounts.origins.list()


def test_the_keys_are_never_shown(server: ImageKitServer) -> None:
    """Neither key is in the state."""
    shown = requests.get(f"{server.url}/_control/state", timeout=60).text
    assert "private_" not in shown
