"""What the doctor concludes from what ImageKit, AWS and pages say."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from ops.doctor.account import (
    Account,
    Counted,
    Endpoint,
    KeyCheck,
    KeyState,
    NamedTransformation,
    Origin,
    Refusal,
    Usage,
)
from ops.doctor.bucket import Bucket
from ops.doctor.diagnosis import Diagnosis, as_json, diagnose
from ops.doctor.domain import UrlMap, settings_of
from ops.doctor.facts import Facts
from ops.doctor.finding import Severity
from ops.doctor.stack import Stack, variable
from tests.unit.cloudformation import load

E = "https://ik.imagekit.io/demo"
PHOTOS = Origin("1", "S3", "photos", "photos", "media")
GOODS = Origin("2", "S3", "goods", "goods")
DEFAULT = Endpoint("default", "", ("1",))
SHOP = Endpoint("e2", "shop", ("2",))
GOOD = Bucket("photos", "eu-west-1", keeps_versions=True, sends_to_event_bridge=True)


def account(*endpoints: Endpoint, origins: tuple[Origin, ...] = (PHOTOS, GOODS), **others: Any) -> Account:
    return Account(endpoints or (DEFAULT, SHOP), origins, **{"named": ()} | others)


def stack(
    url_map: str, transformations: str = "", buckets: tuple[str, ...] = ("photos",), **others: Any
) -> Stack:
    environ = {"URL_MAP": url_map, "PATH_TRANSFORMATIONS": transformations}
    settings = settings_of({**environ, **others})
    return Stack(
        "s", "eu-west-1", "1", settings, url_map, tuple(transformations.split()), buckets, False, "secret"
    )


def facts(*endpoints: Endpoint, **others: Any) -> Facts:
    given: dict[str, Any] = {"account": account(*endpoints), "buckets": (GOOD,), "given": (E,)}
    return Facts(**given | others)


def said(diagnosis: Diagnosis, severity: Severity = Severity.MEND) -> list[str]:
    return [f"{each.what} {each.remedy}" for each in diagnosis.findings if each.severity == severity]


def test_a_new_user_gets_a_url_map_that_the_stack_accepts() -> None:
    """From the account alone: bucket, folder and URL-endpoint, with what a change costs."""
    found = diagnose(facts(changes=100))
    assert found.proposal.url_map == f"photos/media={E}"
    assert UrlMap.parse(found.proposal.url_map)
    assert found.cost
    assert (found.cost.purges, found.cost.most_changes, found.cost.needed) == (1, 900, 100)
    assert found.well


def test_every_endpoint_and_address_that_shows_the_bucket_has_an_entry() -> None:
    """Each costs a purge. A custom domain comes from the analytics, which name URLs."""
    usage = Usage(date(2026, 1, 1), date(2026, 1, 2), 5, (), (Counted("https://i.example.com/a.jpg", 5),), ())
    both = Endpoint("e3", "all", ("2", "1"))
    found = diagnose(facts(account=account(DEFAULT, SHOP, both, usage=usage)))
    assert found.proposal.url_map == (
        f"photos/media={E},photos/media=https://i.example.com,"
        f"photos/media={E}/all,photos/media=https://i.example.com/all"
    )
    assert found.cost
    assert (found.cost.purges, found.cost.most_changes) == (4, 225)
    texts = " ".join(said(found, Severity.ADVICE))
    assert "URL-endpoint /all tries goods before s3://photos/media/" in texts
    assert "which URL-endpoint a custom domain belongs to (https://i.example.com)" in texts
    assert "https://i.example.com is an address of the account only by a guess" in texts
    assert f"{E} is an address" not in texts


@pytest.mark.parametrize(
    ("origin", "place"),
    [
        (Origin("1", "S3", "n", "photos", "/media/"), "photos/media"),
        (Origin("1", "CLOUDINARY_BACKUP", "n", "photos"), "photos"),
        (Origin("1", "S3_COMPATIBLE", "n", "photos", "", "https://s3.eu-west-1.amazonaws.com"), "photos"),
        (Origin("1", "S3_COMPATIBLE", "n", "photos", "", "https://s3.wasabisys.com"), ""),
        (Origin("1", "WEB_FOLDER", "n", address="https://photos.s3.amazonaws.com/a%20b"), "photos/a b"),
        (Origin("1", "WEB_FOLDER", "n", address="https://photos.s3.eu-west-1.amazonaws.com"), "photos"),
        (
            Origin("1", "WEB_FOLDER", "n", address="http://photos.s3-website-us-east-1.amazonaws.com/"),
            "photos",
        ),
        (Origin("1", "WEB_FOLDER", "n", address="https://s3.us-east-1.amazonaws.com/photos/x/"), "photos/x"),
        (Origin("1", "WEB_FOLDER", "n", address="https://photos.example.com/"), ""),
        (Origin("1", "GCS", "n", "photos"), ""),
        (Origin("1", "S3", "n", "other"), ""),
    ],
)
def test_the_origins_that_read_the_bucket(origin: Origin, place: str) -> None:
    """By a bucket's name, or by an address of S3 itself."""
    found = diagnose(facts(account=account(DEFAULT, origins=(origin,))))
    assert found.proposal.url_map == (f"{place}={E}" if place else "")
    assert bool(said(found)) == (not place)


def test_two_origins_of_one_folder_hide_nothing() -> None:
    """They differ in the credentials, perhaps."""
    twice = (PHOTOS, replace(PHOTOS, id="2", name="again"))
    found = diagnose(facts(account=account(replace(DEFAULT, origins=("1", "2")), origins=twice)))
    assert (found.proposal.url_map, found.findings) == (f"photos/media={E}", ())


def test_without_an_address_the_map_has_a_place_for_it() -> None:
    """The API does not tell the account's id."""
    found = diagnose(facts(given=()))
    assert found.proposal.url_map == "photos/media=https://ik.imagekit.io/YOUR_IMAGEKIT_ID"
    assert any("--url-endpoint" in each for each in said(found, Severity.UNSEEN))


def test_a_folder_that_no_url_map_can_have() -> None:
    """A comma ends an entry. The rest of the map stays."""
    origins = (replace(PHOTOS, folder="a,b"), replace(PHOTOS, id="2", folder="ok"))
    found = diagnose(facts(account=account(origins=origins)))
    assert found.proposal.url_map == f"photos/ok={E}/shop"
    assert any("a name without commas" in each for each in said(found))


@pytest.mark.parametrize(
    ("url_map", "words"),
    [
        (f"photos/media={E}", []),
        (f"*/media={E}", []),
        (f"photos/media/sub={E}/sub", []),  # a part of what the endpoint shows
        (f"photos={E}", ["shows another folder", f"Write photos/media={E}."]),
        (f"photos/media={E},photos={E}/shop", ["/shop: this URL-endpoint shows nothing of the bucket"]),
        (f"photos/media={E},theirs={E}/shop", ["names bucket theirs, but the stack takes no events of it"]),
        (f"theirs={E}", ["no entry for bucket photos"]),
        (f"photos/media={E}/nosuch", ["shows another folder"]),
        (
            f"photos/other={E}/sub",
            ["shows another folder", "s3://photos/media/, but UrlMap does not have it"],
        ),
        (f"photos/media={E}/shop", [f"{E} shows s3://photos/media/, but UrlMap does not have it"]),
        (f"photos/media={E},photos/media=https://i.example.com", []),
        (f"photos/media={E},photos/x=https://i.example.com", ["shows another folder"]),
    ],
)
def test_the_url_map_of_a_stack_is_compared(url_map: str, words: list[str]) -> None:
    """With what the account's URL-endpoints show. A map that is right stays as it is."""
    found = diagnose(facts(stack=stack(url_map)))
    texts = said(found)
    for each in words:
        assert any(each in text for text in texts), texts
    if not words:
        assert texts == []
        assert found.proposal.url_map == url_map


def test_an_endpoint_that_is_not_there() -> None:
    """The finding says so, and another one names the right entry."""
    found = diagnose(facts(account=account(SHOP), stack=stack(f"goods={E}/gone", buckets=("goods",))))
    assert any("no such URL-endpoint" in each for each in said(found))
    assert any(f"Add goods={E}/shop to UrlMap" in each for each in said(found))


def test_a_custom_domain_may_show_any_endpoint() -> None:
    """The API does not say which: an entry that fits one of them is right."""
    goods = replace(GOOD, name="goods")
    right = stack(f"goods={E}/shop,goods=https://shop.example.com", buckets=("goods",))
    assert said(diagnose(facts(stack=right, buckets=(goods,)))) == []


def test_the_key_of_the_stack() -> None:
    """Refused, wider than needed, or restricted: then another key reads the account, or none does."""
    unread = Account(refusals=(Refusal("/v1/accounts/origins", 403, "403 no permission"),))
    right = {"stack": stack(f"photos/media={E}")}
    refused = diagnose(facts(**right, key=KeyCheck(KeyState.REFUSED, "403 disabled")))
    assert any("refuses the stack's private key (403 disabled)" in each for each in said(refused))
    full = diagnose(facts(**right, key=KeyCheck(KeyState.FULL)))
    assert any("wider than needed" in each for each in said(full, Severity.ADVICE))
    assert full.well
    restricted = diagnose(facts(**right, key=KeyCheck(KeyState.RESTRICTED)))
    assert restricted.findings == ()
    alone = diagnose(
        facts(**right, key=KeyCheck(KeyState.RESTRICTED), reader=KeyState.RESTRICTED, account=unread)
    )
    assert any("IMAGEKIT_PRIVATE_KEY" in each for each in said(alone, Severity.UNSEEN))
    assert (alone.well, alone.proposal.url_map) == (False, f"photos/media={E}")
    wrong = diagnose(facts(reader=KeyState.REFUSED, account=unread))
    assert any("Copy it anew" in each for each in said(wrong))


def test_the_bucket() -> None:
    """Events off, versions off, another region: each with its remedy."""
    bad = replace(GOOD, region="us-east-1", keeps_versions=False, sends_to_event_bridge=False)
    found = diagnose(facts(stack=stack(f"photos/media={E}"), buckets=(bad,)))
    assert any("python -m ops connect photos" in each for each in said(found))
    texts = " ".join(said(found, Severity.ADVICE))
    assert "keeps no versions: SkipNewObjects" in texts
    assert "is in us-east-1, the stack is in eu-west-1" in texts


def test_the_stack_s_own_bucket_sends_to_the_queue() -> None:
    """It needs no EventBridge. The map says `*` for it."""
    own = replace(stack(f"*/media={E}"), owns_bucket=True)
    bucket = replace(GOOD, sends_to_event_bridge=False, queues=("arn",))
    assert diagnose(facts(stack=own, buckets=(bucket,))).findings == ()
    lost = diagnose(facts(stack=own, buckets=(replace(bucket, queues=()),)))
    assert any("does not send its events to the stack's queue" in each for each in said(lost))
    wrong = replace(stack(f"*={E}"), owns_bucket=True)
    assert diagnose(facts(stack=wrong, buckets=(bucket,))).proposal.url_map == f"*/media={E}"


def test_path_transformations_cost_and_should_be_queries() -> None:
    """Before the deployment, those of the pages are proposed."""
    urls = (f"{E}/tr:w-300/a.jpg", f"{E}/tr:w-300/b.jpg", f"{E}/tr:w-1/tr:h-2/b.jpg")
    found = diagnose(facts(urls=urls))
    assert found.proposal.transformations == ("tr:w-300",)
    assert found.cost
    assert (found.cost.purges, found.cost.most_changes) == (2, 450)
    assert any("?tr=w-300" in each for each in said(found, Severity.ADVICE))
    [uncovered] = [each for each in said(found) if "do not cover" in each]
    assert "tr:w-1/tr:h-2" in uncovered
    assert any("PathTransformations cannot have tr:w-1/tr:h-2" in each for each in said(found))


def test_what_pages_use_is_held_against_the_stack() -> None:
    """What is not covered is to be mended; what no page uses is advice."""
    urls = (f"{E}/tr:w-300/a.jpg", f"{E}/a.jpg", f"{E}/ik-seo/a/b.jpg", "https://x.example.com/tr:w-1/a.jpg")
    found = diagnose(facts(stack=stack(f"photos/media={E}", "tr:w-9"), urls=urls))
    assert [each.split(",")[0] for each in said(found)] == [
        "The settings do not cover 1 URL in use of the form ik-seo",
        "The settings do not cover 1 URL in use of the form path transformation tr:w-300",
    ]
    assert any("none of these pages uses" in each for each in said(found, Severity.ADVICE))
    assert any("https://x.example.com look" in each for each in said(found, Severity.UNSEEN))
    assert found.proposal.transformations == ("tr:w-9", "tr:w-300")


def test_a_place_that_the_map_does_not_have_needs_an_entry() -> None:
    """Whatever the form of its URLs is: an address of old, for example."""
    found = diagnose(facts(stack=stack(f"photos/media={E}"), urls=("https://demo.imagekit.io/a.jpg?v=1",)))
    assert any("UrlMap has no entry for https://demo.imagekit.io" in each for each in said(found))


def test_named_transformations_have_to_be_there() -> None:
    """Otherwise each change purges a URL that shows nothing."""
    named = (NamedTransformation("a", "w-1", enabled=True), NamedTransformation("b", "w-2", enabled=False))
    chosen = stack(f"photos/media={E}", "tr:n-a tr:n-b tr:n-c")
    found = diagnose(facts(stack=chosen, account=account(named=named)))
    assert [each.partition(":")[2].partition(":")[0] for each in said(found)] == ["n-b", "n-c"]


def test_what_visitors_asked_for() -> None:
    """The most frequent transformations that no setting names, and 404s, which the CDN keeps."""
    usage = Usage(
        *(date(2026, 1, 1), date(2026, 1, 2), 5),
        (Counted("tr:w-9", 7), Counted("tr:w-8", 6)),
        (),
        (Counted(f"{E}/gone.jpg", 4),),
    )
    chosen = stack(f"photos/media={E}", "tr:w-9", SKIP_NEW_OBJECTS="auto")
    texts = said(diagnose(facts(stack=chosen, account=account(usage=usage))), Severity.ADVICE)
    assert any("tr:w-8 (6)" in each and "tr:w-9 (" not in each for each in texts)
    assert any("gone.jpg (4)" in each and "set SkipNewObjects=false" in each for each in texts)


def test_rewriters_and_web_proxies_are_named() -> None:
    """They make further URLs that no setting covers."""
    rewritten = replace(DEFAULT, rewriter="CLOUDINARY", origins=("1", "3"))
    by_query = replace(DEFAULT, rewriter="IMGIX")
    assert diagnose(facts(by_query)).findings == ()
    proxy = Origin("3", "WEB_PROXY", "any")
    texts = " ".join(
        said(diagnose(facts(account=account(rewritten, origins=(PHOTOS, proxy)))), Severity.ADVICE)
    )
    assert "URL rewriter of Cloudinary" in texts
    assert "has a web proxy" in texts


def test_limits_of_settings_and_quota() -> None:
    """A UrlMap that CloudFormation would refuse, and more changes than the quota takes."""
    many = [Endpoint(f"{n}", f"endpoint-{n:03}", ("1",)) for n in range(40)]
    found = diagnose(facts(*many, changes=1000))
    assert any("UrlMap would have" in each for each in said(found))
    assert any("1000 changes a month need up to 40000" in each for each in said(found, Severity.ADVICE))


def test_calls_without_an_answer_are_unseen() -> None:
    """Not every failure is about the key."""
    refusals = (
        Refusal("/v1/accounts/usage-analytics", 500, "500"),
        Refusal("/v1/x", None, "Connection error."),
    )
    found = diagnose(facts(account=account(refusals=refusals)))
    assert [each.partition(" Check")[0] for each in said(found, Severity.UNSEEN)] == [
        "ImageKit gave no usable answer to /v1/accounts/usage-analytics: 500",
        "ImageKit gave no usable answer to /v1/x: Connection error.",
    ]


def test_the_worst_comes_first_and_nothing_twice() -> None:
    """In the report as in JSON."""
    bad = replace(GOOD, keeps_versions=False, sends_to_event_bridge=False)
    found = as_json(diagnose(facts(buckets=(bad, bad), given=())))
    severities = [each["severity"] for each in found["findings"]]  # type: ignore[index] # a list
    assert severities == ["mend", "unseen", "advice"]


def test_the_functions_variables_follow_from_the_parameters() -> None:
    """The doctor reads the settings of a stack by its parameters: each variable that is one has its name."""
    variables = load()["Globals"]["Function"]["Environment"]["Variables"]
    parameters = load()["Parameters"]
    plain = {name: each["Ref"] for name, each in variables.items() if set(each) == {"Ref"}}
    named = {name: parameter for name, parameter in plain.items() if parameter in parameters}
    assert len(named) > 10
    assert {
        name: variable(parameter) for name, parameter in named.items() if name != "POWERTOOLS_LOG_LEVEL"
    } == {name: name for name in named if name != "POWERTOOLS_LOG_LEVEL"}
