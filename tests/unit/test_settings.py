"""Settings from the environment: the template's defaults fit, and wrong values are named."""

import re
import traceback
from fnmatch import fnmatchcase
from functools import cache
from itertools import product
from string import ascii_lowercase, ascii_uppercase, digits

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from purging.errors import InvalidSetting
from purging.settings import Settings
from tests.unit.cloudformation import default_environment, load
from tests.unit.deployment import Deployment
from tests.unit.test_template import BAD
from tests.unit.test_template import GOOD as GOOD_PARAMETERS

GOOD = {
    "URL_MAP": "origin=https://ik.imagekit.io/demo",
    "LEDGER_TABLE": "ledger",
    "IMAGEKIT_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:imagekit",
}


def test_the_defaults_of_the_template_and_of_the_code_are_the_same() -> None:
    """A function that is deployed without any choice made, and one run by hand, behave alike."""
    deployed = Settings.from_env({**default_environment(), **GOOD})
    by_hand = Settings.from_env(GOOD)
    assert deployed == by_hand


@pytest.mark.parametrize(("buckets", "several"), [("", False), ("one", False), ("one,two,three", True)])
def test_the_function_is_told_whether_there_are_several_buckets(buckets: str, several: bool) -> None:
    """A `*` of UrlMap is one bucket if the stack made it or was given one."""
    environment = Deployment({"OriginBuckets": buckets}).environment()
    assert environment["SECOND_BUCKET"] == ("two" if several else "-")
    found = Settings.from_env({**environment, **GOOD})
    assert found.several_buckets is several
    assert Settings.from_env(GOOD).several_buckets is False


def test_whatever_quota_the_template_accepts_the_functions_accept() -> None:
    """A deployment that succeeds must not leave functions that refuse to start."""
    limits = load()["Parameters"]["MonthlyPurgeQuota"]
    for quota in (limits["MinValue"], limits["MaxValue"]):
        assert Settings.from_env(GOOD | {"MONTHLY_PURGE_QUOTA": str(quota)}).monthly_quota == quota


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("URL_MAP", ""),
        ("URL_MAP", "origin"),
        ("LEDGER_TABLE", ""),
        ("IMAGEKIT_SECRET_ARN", ""),
        ("QUERY_VARIANTS", "yes"),
        ("DRY_RUN", "1"),
        ("VERIFY_FRESHNESS", ""),
        ("MONTHLY_PURGE_QUOTA", "many"),
        ("MONTHLY_PURGE_QUOTA", "-1"),
        ("MONTHLY_PURGE_QUOTA", "1e3"),
        ("QUOTA_RESERVE_PERCENT", "101"),
        ("PATH_TRANSFORMATIONS", "w-300"),
        ("EVICTION_WEIGHTS", "*.mp4=0"),
        ("SEO_URLS", "yes"),
        ("DEPENDENTS", "logo.png=/shop/*"),
        ("IMAGEKIT_API_URL", "http://api.imagekit.io"),
        ("IMAGEKIT_API_URL", "https://user:hunter2@api.imagekit.io"),
        ("IMAGEKIT_API_URL", "http://127.0.0.1:80@evil.example"),
        ("IMAGEKIT_API_URL", ""),
    ],
)
def test_a_wrong_value_is_an_error_that_names_it(name: str, value: str) -> None:
    """The operator sees which setting, with which value; never a traceback from somewhere else."""
    with pytest.raises(InvalidSetting) as caught:
        Settings.from_env(GOOD | {name: value})
    shown = {
        "URL_MAP": "UrlMap",
        "PATH_TRANSFORMATIONS": "path transformation",
        "DEPENDENTS": "Dependents",
    }.get(name, name)
    assert shown in str(caught.value)


@pytest.mark.parametrize(
    "url", [*BAD["ImageKitApiUrl"], "https:///v1", "https://api.imagekit.io ", "https://?"]
)
def test_an_api_url_that_the_template_refuses_is_refused_with_the_remedy(url: str) -> None:
    """Whoever runs the functions without the template hears at once what to write, not of failed calls."""
    with pytest.raises(
        InvalidSetting, match=r"IMAGEKIT_API_URL is '.*': write https://host\[:port\], "
    ) as caught:
        Settings.from_env(GOOD | {"IMAGEKIT_API_URL": url})
    assert "@" in url or repr(url) in str(caught.value) or ":***" in str(caught.value)


@pytest.mark.parametrize("url", [*GOOD_PARAMETERS["ImageKitApiUrl"], "https://a-b.example:8443"])
def test_an_api_url_that_the_template_accepts_is_accepted(url: str) -> None:
    """Also with a slash at its end, which calls do without."""
    assert re.fullmatch(load()["Parameters"]["ImageKitApiUrl"]["AllowedPattern"], url)
    for text in (url, f"{url}/"):
        assert Settings.from_env(GOOD | {"IMAGEKIT_API_URL": text}).api_url == url


# Where a URL stands, or stood before something was mistyped. The password is hunter2, or hun,ter2.
CREDENTIALS = [
    "https://user:hunter2@ik.imagekit.io/demo",
    "https://hunter2@ik.imagekit.io/demo",
    "https://user:hun,ter2@ik.imagekit.io/demo",
    "https://user:hun=ter2@ik.imagekit.io/demo",
    "https://user:hun/ter2@ik.imagekit.io/demo",
    "https://user:hun@ter2@ik.imagekit.io/demo",
    "https://[user:hunter2@ik.imagekit.io/demo",
    "http://user:hunter2@127.0.0.1:4010",
    "https:/user:hunter2@ik.imagekit.io/demo",
    "user:hunter2@ik.imagekit.io",
    "hunter2@ik.imagekit.io",
    "https://user:hunter2@ik.imagekit.io:port/demo?x#y",
]


@pytest.mark.parametrize("url", CREDENTIALS)
@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("IMAGEKIT_API_URL", "{}"),
        ("URL_MAP", "origin={}"),
        ("URL_MAP", "origin/a@2x= {}"),
        ("URL_MAP", "origin/a:b={}"),
        ("URL_MAP", "origin/a%20b={}"),
        ("URL_MAP", "my%20bucket={}"),
        ("URL_MAP", "{}"),
        ("URL_MAP", "origin/{}"),
        ("URL_MAP", "good=https://ik.imagekit.io/demo, origin={}"),
    ],
)
def test_credentials_in_a_setting_are_refused_and_not_repeated(name: str, form: str, url: str) -> None:
    """The error ends in the log, wherever in the setting they are."""
    with pytest.raises(InvalidSetting) as caught:
        Settings.from_env(GOOD | {name: form.format(url)})
    text = "".join(traceback.format_exception(caught.value)).partition("InvalidSetting")[2]
    assert not any(part in text for part in ("hun", "ter2"))
    assert "***" in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ("origin=https://ik.imagekit.io/demo?x=1", "origin=https://ik.imagekit.io/demo?x=1"),
        ("origin=https://ik.imagekit.io/demo?", "origin=https://ik.imagekit.io/demo?"),
        ("origin=https://ik.imagekit.io/demo#", "origin=https://ik.imagekit.io/demo#"),
        ("origin=http://ik.imagekit.io/icon@2x", "origin=http://ik.imagekit.io/icon@2x"),
        ("origin=https://[::1/demo", "origin=https://[::1/demo"),
        ("origin/a%20b=https://user:hunter2@ik.imagekit.io", "origin/a%20b=https://***@ik.imagekit.io"),
        ("origin=https://ik.imagekit.io:port/demo", "origin=https://ik.imagekit.io:***/demo"),
    ],
)
def test_the_rest_of_a_refused_entry_is_shown(entry: str, named: str) -> None:
    """Only so it is found among a hundred."""
    with pytest.raises(InvalidSetting, match=re.escape(f"UrlMap entry {named!r}: ")):
        Settings.from_env(GOOD | {"URL_MAP": entry})


@pytest.mark.parametrize(
    ("quota", "percent", "automatic"), [(1000, 10, 900), (7, 10, 7), (25, 10, 23), (10, 100, 0), (0, 0, 0)]
)
def test_the_reserve_is_rounded_down(quota: int, percent: int, automatic: int) -> None:
    """A small quota is not eaten up by its reserve."""
    settings = Settings.from_env(
        GOOD | {"MONTHLY_PURGE_QUOTA": str(quota), "QUOTA_RESERVE_PERCENT": str(percent)}
    )
    assert settings.automatic_quota == automatic


@pytest.mark.parametrize(
    ("key", "ignored"),
    [
        ("a.tmp", True),
        ("deep/down/a.tmp", True),
        ("private/x.jpg", True),
        ("a/private/x.jpg", False),
        ("a.TMP", False),
        ("a.tmp.jpg", False),
    ],
)
def test_ignored_keys(key: str, ignored: bool) -> None:
    """Glob patterns over the whole key; `*` matches slashes too, and case counts."""
    assert Settings.from_env(GOOD | {"IGNORE_KEYS": "*.tmp  private/*"}).ignores(key) is ignored


@pytest.mark.parametrize("text", GOOD_PARAMETERS["EvictionWeights"])
def test_weights_that_the_template_accepts_are_accepted(text: str) -> None:
    """A deployment that succeeds must not leave functions that refuse to start."""
    found = Settings.from_env(GOOD | {"EVICTION_WEIGHTS": text}).eviction_weights
    assert [f"{pattern}={weight}" for pattern, weight in found] == text.split()


# The functions also read a weight that begins with a zero.
@pytest.mark.parametrize("text", [text for text in BAD["EvictionWeights"] if text != "*.mp4=05"])
def test_weights_that_the_template_refuses_are_refused_with_the_remedy(text: str) -> None:
    """The error names the entry among others, and says what to write."""
    with pytest.raises(InvalidSetting, match=r"EVICTION_WEIGHTS entry '.*': .*write .+") as caught:
        Settings.from_env(GOOD | {"EVICTION_WEIGHTS": f"*.webm=7 {text}"})
    assert any(f"entry {entry!r}: " in str(caught.value) for entry in text.split())


@pytest.mark.parametrize(
    ("entry", "remedy"),
    [
        *(
            (entry, "spaces between entries")
            for entry in ("*.mp4=5,*.gif=3", "*.mp4=5;", "*.mp4==5", "a;b=5")
        ),
        *((entry, "brackets as in [abc]") for entry in ("[=5", "[z-a]=5", "[]=5", "[!]=5", "a]=5")),
    ],
)
def test_a_pattern_that_would_match_nothing_is_refused(entry: str, remedy: str) -> None:
    """A list with commas is one pattern that no key matches. The error says how to write it."""
    with pytest.raises(InvalidSetting, match=re.escape(f"EVICTION_WEIGHTS entry {entry!r}: ")) as caught:
        Settings.from_env(GOOD | {"EVICTION_WEIGHTS": f"*.webm=7 {entry}"})
    assert remedy in str(caught.value)
    assert "a ? for any" in str(caught.value)


@cache
def _pattern(parameter: str) -> str:
    pattern: str = load()["Parameters"][parameter]["AllowedPattern"]
    return pattern


def _accepted(text: str, name: str = "EVICTION_WEIGHTS") -> bool:
    """Whether the functions start with this setting."""
    try:
        Settings.from_env(GOOD | {name: text})
    except InvalidSetting:
        return False
    return True


# By parameter: its variable, and what its texts are made of here.
_FORMS = {
    "UrlMap": (
        "URL_MAP",
        [
            *"a.-*/%,=é?#@:0 \n\xa0",
            *("Z_9", "%4a", "https://", "http://", "127.0.0.1", "localhost"),
            *("a=https://b", ":443", ":65536", "[::1]"),
        ],
    ),
    "PathTransformations": (
        "PATH_TRANSFORMATIONS",
        ["tr:", "w-", "w_1", "a", "/", ".", "..", "ik-seo", " ", "?", "#", "*", "é", ",", "@", "-"],
    ),
    "ImageKitApiUrl": (
        "IMAGEKIT_API_URL",
        ["https://", "http://", "127.0.0.1", "localhost", "a", ".", ":", "/", "0", "443", "65536", "@", "_"],
    ),
}


@pytest.mark.parametrize("parameter", _FORMS)
@given(st.data())
def test_the_template_and_the_functions_accept_the_same_texts(parameter: str, data: st.DataObject) -> None:
    """No deployment succeeds and leaves a function that refuses to start, and none that would work fails."""
    name, parts = _FORMS[parameter]
    text = "".join(data.draw(st.lists(st.sampled_from(parts), max_size=9)))
    assert _accepted(text, name) == bool(re.fullmatch(_pattern(parameter), text)), text


@pytest.mark.parametrize("parameter", _FORMS)
def test_the_template_and_the_functions_agree_on_the_examples(parameter: str) -> None:
    """Those that people may write."""
    name, _ = _FORMS[parameter]
    assert [text for text in GOOD_PARAMETERS[parameter] if not _accepted(text, name)] == []
    assert [text for text in BAD[parameter] if _accepted(text, name)] == []


@given(st.text("ab-!^[]*?=,;.059AZ\\", max_size=8).map(lambda pattern: f"{pattern}=5"))
@example("[a-c-b]=5")
@example("[--]=5")
@example("[a]z-a=5")
@example("[!]=5")
def test_the_template_and_the_functions_accept_the_same_patterns(text: str) -> None:
    """Whatever the pattern is, in brackets or not."""
    assert _accepted(text) == bool(re.search(_pattern("EvictionWeights"), text))


@pytest.mark.parametrize(("first", "last"), [*product("0159abyzABYZ", repeat=2)])
def test_ranges_are_of_digits_or_of_letters_in_order(first: str, last: str) -> None:
    """The template and the functions accept the same ranges, and such a range matches its ends."""
    pattern = f"[{first}-{last}]"
    kinds = (digits, ascii_lowercase, ascii_uppercase)
    in_order = first <= last and any(first in kind and last in kind for kind in kinds)
    assert _accepted(f"{pattern}=5") is in_order
    assert bool(re.search(_pattern("EvictionWeights"), f"{pattern}=5")) is in_order
    assert not in_order or (fnmatchcase(first, pattern) and fnmatchcase(last, pattern))


HOSTS = {"URL_MAP": "origin=https://ik.imagekit.io/demo,origin=https://img.example.com"}


@pytest.mark.parametrize("text", GOOD_PARAMETERS["PathTransformations"])
def test_path_transformations_that_the_template_takes_are_taken(text: str) -> None:
    """Each text adds a URL to that of an object."""
    found = Settings.from_env(GOOD | {"PATH_TRANSFORMATIONS": text}).url_map
    assert found.most_urls == 1 + len(text.split())


@pytest.mark.parametrize("text", BAD["PathTransformations"])
def test_path_transformations_that_the_template_refuses_are_refused(text: str) -> None:
    """A function that is deployed in another way says what is wrong, too."""
    with pytest.raises(InvalidSetting, match=r"path transformation '.*': write "):
        Settings.from_env(GOOD | {"PATH_TRANSFORMATIONS": text})


@pytest.mark.parametrize("text", GOOD_PARAMETERS["Dependents"])
def test_dependents_that_the_template_takes_are_taken(text: str) -> None:
    """Each entry is a pattern and a URL; a path is one under each of two endpoints."""
    found = Settings.from_env(GOOD | HOSTS | {"DEPENDENTS": text}).url_map.dependents.all
    assert len(found) == sum(2 if "=/" in entry else 1 for entry in text.split())


@pytest.mark.parametrize(
    "text", [text for text in BAD["Dependents"] if text not in ("a,b=/a/b/*", "é.png=/a/b/*")]
)
def test_dependents_that_the_template_refuses_are_refused(text: str) -> None:
    """All but those that only take too much room in a deployment: commas, and letters beyond ASCII."""
    with pytest.raises(InvalidSetting, match="Dependents entry "):
        Settings.from_env(GOOD | HOSTS | {"DEPENDENTS": text})
