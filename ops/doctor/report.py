"""Prints a diagnosis for people."""

from collections import Counter
from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ops.doctor.bucket import Bucket
from ops.doctor.cost import Cost
from ops.doctor.diagnosis import Diagnosis
from ops.doctor.finding import Severity
from ops.doctor.forms import OVERLAY
from ops.doctor.proposal import of_stack

_STYLES = {Severity.MEND: "red", Severity.UNSEEN: "yellow", Severity.ADVICE: "cyan"}
_MOST_USES = 30


def report(diagnosis: Diagnosis) -> RenderableType:
    """Return the diagnosis as tables and lines."""
    return Group(
        *_account(diagnosis),
        *(Text(_bucket(bucket)) for bucket in diagnosis.facts.buckets),
        *_proposal(diagnosis),
        *_uses(diagnosis),
        *_findings(diagnosis),
    )


def _account(diagnosis: Diagnosis) -> Iterator[RenderableType]:
    endpoints = diagnosis.facts.account.endpoints
    if endpoints is None:
        yield Text("ImageKit: the account could not be read")
        return
    where = " and ".join(diagnosis.addresses) or "an address that is not known"
    yield Text(f"ImageKit: {_number(len(endpoints), 'URL-endpoint')} on {where}")
    table = Table.grid(padding=(0, 2))
    for endpoint in endpoints:
        shown = [each for each in diagnosis.showings if each.endpoint == endpoint]
        places = ", ".join(f"s3://{each.bucket}/{each.folder}" for each in shown)
        rewriter = f"; it has the rewriter {endpoint.rewriter}" if endpoint.rewriter else ""
        table.add_row(f"  /{endpoint.prefix}", Text(f"shows {places or 'nothing of the bucket'}{rewriter}"))
    yield table


def _bucket(bucket: Bucket) -> str:
    known = [
        bucket.region or "",
        _either(bucket.keeps_versions, "keeps versions", "keeps no versions"),
        "sends its events to a queue"
        if bucket.queues and not bucket.sends_to_event_bridge
        else _either(
            bucket.sends_to_event_bridge, "sends its events to EventBridge", "sends no events to EventBridge"
        ),
    ]
    return f"Bucket {bucket.name}: {', '.join(filter(None, known)) or 'nothing is known of it'}"


def _either(known: bool | None, yes: str, no: str) -> str:
    if known is None:
        return ""
    return yes if known else no


def _proposal(diagnosis: Diagnosis) -> Iterator[RenderableType]:
    proposal, now = diagnosis.proposal, of_stack(diagnosis.facts)
    same = now is not None and now.parameters == proposal.parameters
    yield Text(f"\nSettings{', as the stack has them' if same else ' to deploy with'}", "bold")
    if diagnosis.cost is None:
        yield Text("  No UrlMap: nothing is known that shows the bucket. See the findings.")
        return
    # Whole lines, so that they can be copied.
    for name, value in proposal.parameters.items():
        yield Text(f"  {name}={value}", no_wrap=True, overflow="ignore")
    yield from map(_indented, _cost(diagnosis.cost))
    for named in diagnosis.facts.account.named or ():
        off = "" if named.enabled else "; it is disabled"
        yield _indented(f"tr:n-{named.name} is a named transformation, {named.transformation}{off}")


def _cost(cost: Cost) -> Iterator[str]:
    queries = " and all their queries" if cost.queries else ""
    counts = {
        f"for plain URLs{queries}": cost.plain,
        "for the web proxy": cost.proxied,
        **{f"for {each.text}": each.purges for each in cost.variants},
        "for SEO-friendly URLs": cost.seo,
    }
    parts = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    yield f"A change of one object costs {_number(cost.purges, 'purge')}: {parts}."
    for each in cost.dependents:
        yield f"A change of {each.text} costs {_number(each.purges, 'purge')} more, by Dependents."
    yield (
        f"{cost.left} of {cost.quota} purges a month are for changes: enough for "
        f"{_number(cost.most_changes, 'such change')}. Changes that come together may share a wildcard."
    )
    if cost.changes is not None and cost.needed is not None:
        yield f"{_number(cost.changes, 'change')} a month need up to {_number(cost.needed, 'purge')}."
    yield (
        "ImageKit's API does not tell your quota. 1000 purges a month are documented; a free plan may have "
        "500, which is a guess."
    )


def _uses(diagnosis: Diagnosis) -> Iterator[RenderableType]:
    if diagnosis.facts.urls is None:
        return
    found = diagnosis.uses
    total = sum(use.count for use in found.uses if use.form != OVERLAY)  # part of a URL that is counted
    yield Text(f"\nURLs in use: {total} of the account, {found.foreign} of others", "bold")
    if not found.uses:
        return
    table = Table("URLs", "form", "covered by", "an example", box=SIMPLE_HEAD, pad_edge=False)
    for use in found.uses[:_MOST_USES]:
        covered = Text(use.form.setting, "green") if use.covered else Text("nothing", "red")
        table.add_row(
            str(use.count),
            Text(use.named, overflow="fold"),
            covered,
            Text(use.example, overflow="fold"),
        )
    yield table
    if len(found.uses) > _MOST_USES:
        yield Text(f"  … {len(found.uses) - _MOST_USES} more forms; --json has them all")


def _findings(diagnosis: Diagnosis) -> Iterator[RenderableType]:
    counts = Counter(each.severity for each in diagnosis.findings)
    if not counts:
        yield Text("\nFindings: none. All is well.", "bold green")
        return
    yield Text(
        f"\nFindings: {counts[Severity.MEND]} to mend, {counts[Severity.UNSEEN]} unseen, "
        f"{_number(counts[Severity.ADVICE], 'piece')} of advice",
        "bold",
    )
    table = Table.grid(padding=(0, 2))
    for each in diagnosis.findings:
        sentence = Text(each.what, overflow="fold").append(f"\n→ {each.remedy}", "dim")
        table.add_row(Text(f"  {each.severity.value}", _STYLES[each.severity]), sentence)
    yield table


def _indented(text: str) -> RenderableType:
    return Padding(Text(text, overflow="fold"), (0, 0, 0, 2))


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
