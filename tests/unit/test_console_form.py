"""ImageKit's form on the console: a refused line says why, and what to write instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.console.form import MOST, checked
from local.domain import UrlMap

ENDPOINT = "http://127.0.0.1:8080/demo"
URL_MAP = UrlMap.parse(f"*={ENDPOINT}")


@pytest.mark.parametrize(
    "url",
    [f"{ENDPOINT}/a/b.jpg", f"{ENDPOINT}/a/b.jpg?tr=w-100", f"{ENDPOINT}/a/b*", f"{ENDPOINT}/a/b%20c.jpg"],
)
def test_a_url_that_can_be_purged_has_no_problem(url: str) -> None:
    """Blanks around it do not matter."""
    (line,) = checked(f"\n  {url}  \n\n", URL_MAP)
    assert (line.number, line.text, line.problem) == (2, url, "")


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("a/b.jpg", "/a/b.jpg"),
        ("/a/b.jpg", "/a/b.jpg"),
        ("https://ik.imagekit.io/other/a/b.jpg", "/a/b.jpg"),
        ("https://127.0.0.1:8080/demo/a/b.jpg", "/a/b.jpg"),
        ("127.0.0.1:8080/demo/a/b.jpg", "/a/b.jpg"),
        (f"{ENDPOINT}/a/blue shoe.jpg", "/a/blue%20shoe.jpg"),
        (f"{ENDPOINT}/a/café.jpg", "/a/caf%C3%A9.jpg"),
        (f"{ENDPOINT}/a/shoe#1.jpg", "/a/shoe%231.jpg"),
        (f"{ENDPOINT}/a/../b/c.jpg", "/b/c.jpg"),
        (f"{ENDPOINT}/products/shoes/*/x.jpg", "/products/shoes/*"),
        (f"{ENDPOINT}/a*b.jpg", "/a%2Ab.jpg"),
        (f"{ENDPOINT}/logo*", "/logo"),
        ("//127.0.0.1:8080/demo/a/b.jpg", "/a/b.jpg"),
        ("//ik.imagekit.io/other/a/b.jpg", "/a/b.jpg"),
        ("ik.imagekit.io/other/a/b.jpg", "/a/b.jpg"),
        ("HTTP://127.0.0.1:8080/demo/a/b.jpg", "/a/b.jpg"),
        ("a/x/../b.jpg", "/a/b.jpg"),
        (f"{ENDPOINT}/logo?tr=*", "/logo"),
        (f"{ENDPOINT}/a/b.jpg?tr=w-*,h-10", "/a/b.jpg*"),
        (f"{ENDPOINT}/a/b.jpg#top", "/a/b.jpg"),
        (f"{ENDPOINT}/a/b.jpg?tr=w-10#top", "/a/b.jpg?tr=w-10"),
    ],
)
def test_what_to_write_instead(text: str, instead: str) -> None:
    """The endpoint of this stack, an encoded path, a wildcard where it may stand."""
    (line,) = checked(text, URL_MAP)
    assert line.problem
    assert line.instead == f"{ENDPOINT}{instead}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("https://example.com/a/b.jpg", "'example.com' is not the host of this stack"),
        ("//example.com/a/b.jpg", "'example.com' is not the host of this stack"),
        ("example.com/a/b.jpg", "If 'example.com' is a folder"),
        ("https://127.0.0.1:8080/other/a.jpg", "beside the endpoint"),
        (f"{ENDPOINT}/images/*", "a wildcard is one * at the end of two levels"),
        ("../a.jpg", "Its ../ leads out"),
        (f"{ENDPOINT}/a/../../b.jpg", "Its ../ leads out"),
        (f"{ENDPOINT}/%2e%2e/b.jpg", "Its ../ leads out"),
        ("javascript:alert(1)", "only http and https are purged"),
        ("s3://bucket/a.jpg", "only http and https are purged"),
        ("http:/a.jpg", "Two slashes and a host must follow 'http:'"),
        ("?tr=*", "It has only a query"),
        ("#top", "It has only a fragment"),
        (f"{ENDPOINT}#top", "It has only a fragment"),
        (ENDPOINT, "It names no object"),
        (f'"{ENDPOINT}/a/b.jpg"', "write one URL a line"),
    ],
)
def test_where_nothing_is_sure_it_only_says_why(text: str, why: str) -> None:
    """Another host, a path out of the endpoint, or a folder whose wildcard is refused: no guess is better."""
    (line,) = checked(text, URL_MAP)
    assert why in line.problem
    assert line.instead == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("//127.0.0.1:8080/demo/a/b.jpg", "The scheme is missing"),
        ("a/b.jpg", "It is a path and no URL"),
        (f"{ENDPOINT}/a/b.jpg#top", "A fragment"),
        (f"{ENDPOINT}/shoe#1.jpg", "write it as %23"),
        (f"{ENDPOINT}/a/../b.jpg", "A browser resolves dot segments"),
        (f"{ENDPOINT}/b.jpg?tr=w-*,h-10", "A * in the query"),
        (f"{ENDPOINT}/a b.jpg", "Percent-encode blanks"),
    ],
)
def test_it_says_what_is_wrong_with_what_it_corrects(text: str, why: str) -> None:
    """The reason is that of the correction, not only that the URL lies under no endpoint."""
    (line,) = checked(text, URL_MAP)
    assert why in line.problem


def test_a_line_is_what_the_page_shows_as_one() -> None:
    """Other ends of lines that Python knows end no line of a text field, so the numbers stay right."""
    first, second = checked(f"a\x0bb\u2028c\n{ENDPOINT}/a/b.jpg", URL_MAP)
    assert (first.number, second.number, second.problem) == (1, 2, "")


def test_more_than_100_urls_and_repeats_are_refused() -> None:
    """The form of ImageKit takes 100."""
    lines = checked("\n".join(f"{ENDPOINT}/a/{number}.jpg" for number in range(MOST + 1)), URL_MAP)
    assert [line.number for line in lines if line.problem] == [MOST + 1]
    _, again = checked(f"{ENDPOINT}/a/b.jpg\n{ENDPOINT}/a/b.jpg", URL_MAP)
    assert "line 1" in again.problem


def test_a_url_of_imagekit_that_cannot_be_purged_here_either_names_both_reasons() -> None:
    """The endpoint is one thing, its wildcard another."""
    (line,) = checked("https://ik.imagekit.io/other/images/*", URL_MAP)
    assert "Here, URLs begin with" in line.problem
    assert "a wildcard is one * at the end of two levels" in line.problem


@given(st.text())
def test_whatever_is_written_what_it_proposes_can_be_purged(text: str) -> None:
    """No text makes it fail, and no proposal is refused in its turn."""
    for line in checked(text, URL_MAP):
        if line.instead:
            (proposed,) = checked(line.instead, URL_MAP)
            assert proposed.problem == ""
