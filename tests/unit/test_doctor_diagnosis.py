"""What the doctor concludes from what ImageKit, AWS and pages say."""

import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from ops.doctor.dependents import pattern_of
from ops.doctor.diagnosis import Diagnosis, as_json, diagnose
from ops.doctor.domain import UrlMap, settings_of
from ops.doctor.facts import Facts
from ops.doctor.finding import Severity
from ops.doctor.limits import LONGEST
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
        (Counted(f"{E}/gone.jpg", 40), Counted(f"{E}/removed.jpg", 1)),
    )
    chosen = stack(f"photos/media={E}", "tr:w-9", SKIP_NEW_OBJECTS="auto")
    texts = said(diagnose(facts(stack=chosen, account=account(usage=usage))), Severity.ADVICE)
    assert any("tr:w-8 (6)" in each and "tr:w-9 (" not in each for each in texts)
    assert any("gone.jpg (40)" in each and "set SkipNewObjects=false" in each for each in texts)
    assert not any("removed.jpg" in each for each in texts), "the freshness check itself asked for it"
    unchecked = stack(f"photos/media={E}", "tr:w-9", SKIP_NEW_OBJECTS="auto", VERIFY_FRESHNESS="false")
    for facts_of_it in (
        facts(stack=unchecked, account=account(usage=usage)),
        facts(account=account(usage=usage)),
    ):
        texts = said(diagnose(facts_of_it), Severity.ADVICE)
        assert any("removed.jpg (1)" in each for each in texts)


def test_rewriters_and_web_proxies_are_named() -> None:
    """They make further URLs, and the advice names the setting that covers them."""
    rewritten = replace(DEFAULT, rewriter="CLOUDINARY", origins=("1", "3"))
    by_query = replace(DEFAULT, rewriter="IMGIX")
    assert diagnose(facts(by_query)).findings == ()
    proxy = Origin("3", "WEB_PROXY", "any")
    texts = " ".join(
        said(diagnose(facts(account=account(rewritten, origins=(PHOTOS, proxy)))), Severity.ADVICE)
    )
    assert "URL rewriter of Cloudinary" in texts
    assert "PathTransformations=w_300,h_300" in texts
    assert "has a web proxy" in texts
    assert "a further entry of UrlMap covers them" in texts


S3_URL = "https://photos.s3.eu-west-1.amazonaws.com"
ALL_FORMS = (
    f"{E}/tr:w-3/a.jpg",
    f"{E}/ik-seo/a/words.jpg",
    f"{E}/c_fill,w_3/a.jpg",
    f"{E}/tr:w-3/{S3_URL}/media/a.jpg",
    f"{E}/all/of/a.jpg?tr=l-image,i-dir@@logo.png,l-end",
    f"{E}/all/of/b.jpg?tr=di-a%20b.png",
    f"{E}/all/of/c.jpg?tr=l-image,i-dir@@logo.png,l-end",
)


def test_every_form_in_use_gets_its_setting() -> None:
    """Before the deployment, the functions accept these settings, and they cover all. Each has its price."""
    found = diagnose(facts(urls=ALL_FORMS, changes=10))
    assert found.proposal.parameters == {
        "UrlMap": f"photos/media={E},photos={E}/{S3_URL}",
        "PathTransformations": "tr:w-3 c_fill,w_3",
        "SeoUrls": "true",
        "Dependents": f"media/dir/logo.png={E}/all/of/* media/a?b.png={E}/all/of/b.jpg*",
    }
    assert all(use.covered for use in found.uses.uses)
    assert found.well
    price = found.cost
    assert price
    assert (price.plain, price.proxied, price.seo, price.purges) == (1, 1, 4, 10)
    assert {each.text: each.purges for each in price.variants} == {"tr:w-3": 2, "c_fill,w_3": 2}
    assert {each.text: each.purges for each in price.dependents} == {
        "media/dir/logo.png": 1,
        "media/a?b.png": 1,
    }
    assert price.purges == found.proposal.settings.url_map.most_urls


def test_a_stack_keeps_what_it_has_and_gets_what_is_missing() -> None:
    """The remedies name both settings where a URL needs two. What the stack covers stays as it is."""
    now = replace(
        stack(f"photos/media={E}", "tr:w-9", DEPENDENTS="fonts/*=/all/of/*"),
        parameters={"Dependents": "fonts/*=/all/of/*"},
    )
    urls = (*ALL_FORMS, f"{E}/ik-seo/tr:w-5/a/b.jpg", f"{E}/all/of/d.jpg?tr=l-image,i-fonts@@x.png,l-end")
    found = diagnose(facts(stack=now, urls=urls))
    assert found.proposal.parameters["PathTransformations"] == "tr:w-9 tr:w-3 c_fill,w_3 tr:w-5"
    # The key is media/fonts/x.png, which that pattern does not match.
    assert found.proposal.parameters["Dependents"].split()[0] == "fonts/*=/all/of/*"
    assert f"media/fonts/x.png={E}/all/of/d.jpg*" in found.proposal.parameters["Dependents"]
    texts = " ".join(said(found))
    for words in (
        "Set SeoUrls=true. Add tr:w-5 to PathTransformations",
        f"Add BUCKET={E}/{S3_URL} to UrlMap, an entry that ends in the bucket's URL. Add tr:w-3 to",
        "Add c_fill,w_3 to PathTransformations",
        "Add KEY=URL to Dependents: the whole key of dir/logo.png",
    ):
        assert words in texts
    after = replace(now, settings=found.proposal.settings, url_map_text=found.proposal.url_map)
    proxied = account(replace(DEFAULT, origins=("1", "3")), origins=(PHOTOS, Origin("3", "WEB_PROXY", "p")))
    again = diagnose(facts(stack=after, urls=urls, account=proxied))
    assert said(again) == []


def test_a_setting_that_is_there_but_does_not_fit_the_key() -> None:
    """Another remedy than to set it again."""
    proxied = account(replace(DEFAULT, origins=("1", "3")), origins=(PHOTOS, Origin("3", "WEB_PROXY", "p")))
    now = stack(f"photos/media={E},photos={E}/{S3_URL}", SEO_URLS="true")
    urls = (f"{E}/{S3_URL}/media/a%2Bb.jpg", f"{E}/ik-seo/a/no-extension")
    texts = said(diagnose(facts(stack=now, urls=urls, account=proxied)))
    assert len(texts) == 2
    assert all("not for this key" in each for each in texts)


def test_another_site_behind_a_web_proxy_is_advice() -> None:
    """It may show the bucket, or something that is none of ours."""
    found = diagnose(facts(urls=(f"{E}/https://images.example.com/a.jpg",)))
    assert found.well
    assert found.proposal.url_map == f"photos/media={E}"
    assert any(
        f"Add BUCKET={E}/https://images.example.com to" in each for each in said(found, Severity.ADVICE)
    )


def test_seo_urls_that_no_page_uses_are_advice() -> None:
    """Each change costs a purge more."""
    now = stack(f"photos/media={E}", SEO_URLS="true")
    assert any(
        "SeoUrls=false" in each
        for each in said(diagnose(facts(stack=now, urls=(f"{E}/a.jpg",))), Severity.ADVICE)
    )


@pytest.mark.parametrize(
    ("url_map", "words"),
    [
        (f"photos/media={E},photos={E}/{S3_URL}", []),
        (f"*/media={E},*={E}/{S3_URL}", []),
        (f"photos/media={E},photos/media={E}/{S3_URL}/media", []),
        (f"photos/media={E},photos={E}/https://images.example.com", []),  # it may show the bucket
        (f"photos/media={E},photos/media={E}/{S3_URL}", [f"Write photos={E}/{S3_URL}."]),
        (f"photos/media={E},photos={E}/https://goods.s3.amazonaws.com", ["is that of s3://goods/"]),
        (f"photos/media={E},photos={E}/shop/{S3_URL}", ["this URL-endpoint has no web proxy"]),
        (f"photos/media={E},photos/media=https://demo.imagekit.io", []),
        (f"photos/media={E},photos/media=https://ik.imgkit.net/demo", []),
        (f"photos/media={E},photos/x=https://ik.imgkit.net/demo", ["shows another folder"]),
        (f"photos/media={E},photos/media=https://ik.imgkit.net/demo/shop", ["shows nothing of the bucket"]),
    ],
)
def test_entries_for_web_proxies_and_old_hosts_are_right(url_map: str, words: list[str]) -> None:
    """As long as they show the bucket."""
    proxied = account(
        replace(DEFAULT, origins=("1", "3")), SHOP, origins=(PHOTOS, GOODS, Origin("3", "WEB_PROXY", "p"))
    )
    found = diagnose(facts(stack=stack(url_map), account=proxied))
    texts = said(found)
    assert len(texts) == len(words), texts
    assert all(each in text for each, text in zip(words, texts, strict=True))
    if not words:
        assert found.proposal.url_map == url_map


def test_a_web_proxys_entry_stays_when_the_rest_is_mended() -> None:
    """The account does not tell which URLs pages have behind it."""
    found = diagnose(facts(stack=stack(f"photos={E},photos={E}/{S3_URL}")))
    assert found.proposal.url_map == f"photos/media={E},photos={E}/{S3_URL}"


def test_an_old_host_need_not_show_everything() -> None:
    """An endpoint that it may show too is advice: nobody knows whether pages use it there."""
    both = (DEFAULT, Endpoint("e3", "all", ("1",)))
    now = stack(f"photos/media={E},photos/media={E}/all,photos/media=https://demo.imagekit.io")
    found = diagnose(facts(*both, stack=now))
    assert found.well
    assert any(
        "The old host of https://demo.imagekit.io/all" in each for each in said(found, Severity.ADVICE)
    )


def test_a_proposal_that_no_parameter_can_have() -> None:
    """Its text is too long, or its URL is not ASCII and no wildcard may stand before the query."""
    urls = [f"{E}/a/{n:03}/x.jpg?tr=l-image,i-logo.png,l-end" for n in range(20)]
    [text] = said(diagnose(facts(urls=tuple(urls))))
    assert "Dependents would have" in text
    texts = " ".join(said(diagnose(facts(urls=(f"{E}/a?tr=l-image,i-é.png,l-end",)))))
    assert "Dependents cannot have media/?.png=/a?tr=l-image,i-é.png" in texts


def test_the_lengths_are_those_of_the_template() -> None:
    """The doctor refuses what CloudFormation would refuse."""
    parameters = load()["Parameters"]
    assert {name: parameters[name]["MaxLength"] for name in LONGEST} == LONGEST


ALLOWED_DEPENDENTS = re.compile(load()["Parameters"]["Dependents"]["AllowedPattern"])


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30))
def test_a_pattern_of_dependents_matches_its_key(key: str) -> None:
    """Whatever the key has, the template and the functions accept the pattern."""
    text = f"{pattern_of(key)}={E}/shop/all/*"
    assert UrlMap.parse(f"photos={E}", dependent=text).dependents.of(key) == [f"{E}/shop/all/*"]
    assert ALLOWED_DEPENDENTS.search(text)


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
