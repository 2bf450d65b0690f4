"""The console answers its own page under its own name, and nobody else."""

import pytest
from starlette.datastructures import Headers

from local.console.guard import refusal

HOSTS = ("127.0.0.1:8080", "localhost:8080")
HOST = HOSTS[0]


def _status(method: str, path: str, **headers: str) -> int:
    return refusal(
        method, path, Headers({name.replace("_", "-"): text for name, text in headers.items()}), HOSTS
    )[0]


@pytest.mark.parametrize(
    "host",
    ["evil.example:8080", "127.0.0.1", "127.0.0.1:8081", "localhost", "", "127.0.0.1:8080.evil.example"],
)
def test_another_host_name_is_refused(host: str) -> None:
    """A name that somebody points at the loopback address (DNS rebinding) gets nothing, not even the page."""
    assert _status("GET", "/", host=host, sec_fetch_site="same-origin") == 421


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_own_page_is_served(host: str, method: str) -> None:
    """Under both names, for reading and for changing."""
    assert _status(method, "/api/delete", host=host, origin=f"http://{host}") == 0
    assert _status(method, "/api/delete", host=host, sec_fetch_site="same-origin") == 0


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", f"https://{HOST}", "http://localhost:8080"]
)
@pytest.mark.parametrize("path", ["/", "/events", "/api/delete", "/picture/edge"])
def test_another_origin_is_refused(origin: str, path: str) -> None:
    """Whatever it asks for. The other own name is another origin, too."""
    assert _status("GET", path, host=HOST, origin=origin) == 403
    assert _status("POST", path, host=HOST, origin=origin, sec_fetch_site="same-origin") == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_cannot_even_embed_it(site: str) -> None:
    """A browser sends no Origin with a picture or a frame, but it says where the request comes from."""
    assert _status("GET", "/picture/edge", host=HOST, sec_fetch_site=site) == 403
    assert _status("GET", "/", host=HOST, sec_fetch_site=site) == 403


def test_a_typed_address_shows_the_page_and_changes_nothing() -> None:
    """A browser calls that site `none`."""
    assert _status("GET", "/", host=HOST, sec_fetch_site="none") == 0
    assert _status("POST", "/api/delete", host=HOST, sec_fetch_site="none") == 403


def test_a_request_without_origin_reads_the_page_only() -> None:
    """Programs send neither header: they get the page, no stream, and change nothing."""
    assert _status("GET", "/", host=HOST) == 0
    assert _status("GET", "/static/app.js", host=HOST) == 0
    assert _status("GET", "/events", host=HOST) == 403
    assert _status("POST", "/", host=HOST) == 403
