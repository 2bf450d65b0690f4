"""ImageKit's official SDK works with the emulator, with and without faults."""

import time
from collections.abc import Iterator

import httpx
import imagekitio
import pytest
import requests
from imagekitio import ImageKit

from local.imagekit import Bucket, Emulator, ImageKitServer, Settings

KEY = "private_test"
GOOD_URL = "https://ik.imagekit.io/demo/folder/a.jpg"
ID = 24 * "0"


@pytest.fixture
def server() -> Iterator[ImageKitServer]:
    with ImageKitServer(Emulator(Settings(KEY, delay=0), origins={"demo": Bucket("photos")})) as server:
        yield server


@pytest.fixture
def sdk(server: ImageKitServer) -> Iterator[ImageKit]:
    with ImageKit(private_key=KEY, base_url=server.url, max_retries=0, timeout=60) as client:
        yield client


def inject(server: ImageKitServer, **fault: object) -> None:
    requests.post(f"{server.url}/_control/faults", json=fault, timeout=60).raise_for_status()


def used(server: ImageKitServer) -> int:
    return server.emulator.state.purges.used(server.emulator.state.clock())


def test_purge_and_status(sdk: ImageKit) -> None:
    """The SDK purges a URL and reads the status of the purge."""
    request_id = sdk.cache.invalidation.create(url=GOOD_URL).request_id
    assert request_id is not None
    assert sdk.cache.invalidation.get(request_id).status == "Completed"


def test_bad_requests(sdk: ImageKit) -> None:
    """An invalid URL and an unknown id arrive as BadRequestError, with the documented body."""
    with pytest.raises(imagekitio.BadRequestError, match="not valid for cache purging"):
        sdk.cache.invalidation.create(url="https://ik.imagekit.io/demo/folder/*")
    with pytest.raises(imagekitio.BadRequestError, match="No request found for this requestId"):
        sdk.cache.invalidation.get(ID)


def test_keys(sdk: ImageKit) -> None:
    """A missing key raises AuthenticationError, a wrong one PermissionDeniedError."""
    with pytest.raises(imagekitio.AuthenticationError):
        # The SDK sends nothing without some credentials, so these are of a scheme that carries no key.
        sdk.cache.invalidation.create(url=GOOD_URL, extra_headers={"Authorization": "Bearer x"})
    with pytest.raises(imagekitio.PermissionDeniedError):
        sdk.with_options(private_key="private_other").cache.invalidation.create(url=GOOD_URL)


@pytest.mark.parametrize("api", ["purge", "status"])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "429"}, imagekitio.RateLimitError),
        ({"kind": "429-no-headers"}, imagekitio.RateLimitError),
        ({"kind": "403"}, imagekitio.PermissionDeniedError),
        ({"kind": "5xx"}, imagekitio.InternalServerError),
        ({"kind": "5xx", "status": 503}, imagekitio.InternalServerError),
        ({"kind": "reset-before"}, imagekitio.APIConnectionError),
    ],
)
def test_faults_before_the_call_is_handled(
    server: ImageKitServer, sdk: ImageKit, api: str, fault: dict[str, object], error: type[Exception]
) -> None:
    """Each fault becomes the SDK's typed error, once. A purge that is refused does not count."""
    inject(server, api=api, **fault)

    def call() -> None:
        if api == "purge":
            sdk.cache.invalidation.create(url=GOOD_URL)
        else:
            sdk.cache.invalidation.get(request_id)

    request_id = sdk.cache.invalidation.create(url=GOOD_URL).request_id or "" if api == "status" else ""
    before = used(server)
    with pytest.raises(error):
        call()
    assert used(server) == before
    call()
    assert server.emulator.state.calls[api][f"fault {fault['kind']}"] == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "reset-after"}, imagekitio.APIConnectionError),
        ({"kind": "5xx", "accepted": True}, imagekitio.InternalServerError),
        ({"kind": "slow", "seconds": 600}, imagekitio.APITimeoutError),
    ],
)
def test_faults_after_the_call_was_handled(
    server: ImageKitServer, sdk: ImageKit, fault: dict[str, object], error: type[Exception]
) -> None:
    """The client gets an error, but the purge counts. A stop does not wait for a slow call."""
    inject(server, api="purge", **fault)
    # Only the slow answer is not awaited.
    client = sdk.with_options(timeout=0.3) if fault["kind"] == "slow" else sdk
    with pytest.raises(error):
        client.cache.invalidation.create(url=GOOD_URL)
    deadline = time.monotonic() + 60
    while (
        not used(server) and time.monotonic() < deadline
    ):  # the client may leave before the server reads its call
        time.sleep(0.02)
    assert used(server) == 1


def test_reset_is_a_tcp_reset(server: ImageKitServer) -> None:
    """The client's kernel gets RST, also on a connection that worked before."""
    inject(server, api="purge", kind="reset-before", nth=2)
    with httpx.Client(auth=(KEY, ""), base_url=server.url) as client:
        assert client.post("/v1/files/purge", json={"url": GOOD_URL}).status_code == 201
        with pytest.raises(httpx.ReadError) as caught:
            client.post("/v1/files/purge", json={"url": GOOD_URL})
    assert "reset by peer" in str(caught.value)


def test_slow_answer_is_the_right_one(server: ImageKitServer, sdk: ImageKit) -> None:
    """A slow call that the client waits for has the usual answer."""
    inject(server, api="purge", kind="slow", seconds=0.2)
    answer = sdk.cache.invalidation.with_raw_response.create(url=GOOD_URL)
    assert answer.status_code == 201
    assert answer.elapsed.total_seconds() >= 0.2


def test_injected_rate_limit_has_its_headers(server: ImageKitServer) -> None:
    """The kind 429 has headers with the given reset, in milliseconds; 429-no-headers has none."""
    inject(server, api="purge", kind="429", seconds=2.5)
    inject(server, api="purge", kind="429-no-headers", nth=2)
    first, second = (
        requests.post(f"{server.url}/v1/files/purge", json={"url": GOOD_URL}, auth=(KEY, ""), timeout=60)
        for _ in range(2)
    )
    assert (first.status_code, first.headers["X-RateLimit-Reset"]) == (429, "2500")
    assert second.status_code == 429
    assert not [name for name in second.headers if name.lower().startswith("x-ratelimit")]


def test_nth_and_times(server: ImageKitServer, sdk: ImageKit) -> None:
    """nth counts from the injection, and times says how many calls in a row fail."""
    sdk.cache.invalidation.create(url=GOOD_URL)
    inject(server, api="purge", kind="403", nth=2, times=2)
    good = []
    for _ in range(5):
        try:
            sdk.cache.invalidation.create(url=GOOD_URL)
            good.append(True)
        except imagekitio.PermissionDeniedError:
            good.append(False)
    assert good == [True, False, False, True, True]


def test_wildcard_refused_spares_exact_urls(server: ImageKitServer, sdk: ImageKit) -> None:
    """The fault hits the next wildcard, and no exact purge before it."""
    inject(server, api="purge", kind="wildcard-refused")
    sdk.cache.invalidation.create(url=GOOD_URL)
    with pytest.raises(imagekitio.BadRequestError):
        sdk.cache.invalidation.create(url=f"{GOOD_URL}*")
    sdk.cache.invalidation.create(url=f"{GOOD_URL}*")


def test_never_completes(server: ImageKitServer, sdk: ImageKit) -> None:
    """One purge stays Pending for ever, and later purges complete."""
    inject(server, api="purge", kind="never-completes")
    stuck, fine = (sdk.cache.invalidation.create(url=GOOD_URL).request_id or "" for _ in range(2))
    assert sdk.cache.invalidation.get(stuck).status == "Pending"
    assert sdk.cache.invalidation.get(fine).status == "Completed"
