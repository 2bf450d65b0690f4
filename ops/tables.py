"""Tables of answers, for people."""

from collections.abc import Iterable
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text


def status_tables(answer: dict[str, Any], *, settings: bool = True) -> RenderableType:
    """Return the status as tables, perhaps without the `settings`."""
    rows = _grid(
        [
            ("Quota", _quota(answer["quota"])),
            ("Pace", _pace(answer["quota"])),
            ("Pending", _pending(answer)),
            *(("Held", _held(each)) for each in answer["held"]),
            ("Drain", _drain(answer["draining"])),
            ("Purges", _purges(answer)),
            ("Completed", _completed(answer)),
            *([("Pause", _pause(answer["pause"]))] if answer["pause"] else []),
            *(
                [("Refused", Text(f"{count} wildcards, which are avoided for 30 days"))]
                if (count := answer["refused_wildcards"]["count"])
                else []
            ),
        ]
    )
    head = Text(f"Status at {_moment(answer['at'])}", "bold")
    if answer["dry_run"]:
        head.append("   DRY RUN: nothing is purged", "yellow")
    failing = answer["failing"]
    return Group(
        head,
        rows,
        *([_failing(failing)] if failing["count"] else []),
        *([_settings(answer["settings"])] if settings else []),
    )


def explanation_tables(answer: dict[str, Any]) -> RenderableType:
    """Return the explanation of an object as tables."""
    pending = [f"{each['kind']} at {_moment(each['occurred_at'])}" for each in answer["pending"]]
    rows: list[tuple[str, Text]] = [
        ("Served", Text("yes") if answer["served"] else Text("no: UrlMap has no entry for it", "red")),
        ("Ignored", Text(f"by {answer['ignored_by']}", "yellow") if answer["ignored_by"] else Text("no")),
        ("Pending", Text("\n".join(pending), "yellow") if pending else Text("nothing", "green")),
        *(("Held", _held(each)) for each in answer["held"]),
    ]
    table = Table("URL, and its last purge", "accepted", "Completed", box=SIMPLE_HEAD, pad_edge=False)
    for each in answer["urls"]:
        table.add_row(*_url(each))
    head = Text(f"s3://{answer['bucket']}/{answer['key']} at {_moment(answer['at'])}", "bold")
    parts: list[RenderableType] = [
        head,
        _grid(rows),
        *([table] if answer["urls"] else []),
        Text(answer["why"]),
    ]
    return Group(*parts)


def _grid(rows: Iterable[tuple[str, Text]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, text in rows:
        table.add_row(f"  {name}", text)
    return table


def _quota(quota: dict[str, Any]) -> Text:
    left = quota["left_for_changes"]
    return Text(
        f"{quota['used']} of {quota['monthly']} purges used in {quota['month']}; {left} left for changes; "
        f"{quota['reserve']} in reserve for purges by hand and on the dashboard",
        "" if left else "red",
    )


def _pace(quota: dict[str, Any]) -> Text:
    sparing = quota["expected_without_needless_evictions"]
    more = "" if sparing is None else f", or {sparing:g} without needless evictions"
    ends = quota["ends_at"]
    text = Text(f"at least {quota['expected_at_least']:g} more expected this month{more}; ")
    return text.append(
        *((f"the quota ends at {_moment(ends)}", "red") if ends else ("the quota lasts", "green"))
    )


def _pending(answer: dict[str, Any]) -> Text:
    pending = answer["pending"]
    if not pending["change_sets"]:
        return Text("nothing", "green")
    changes = _number(answer, "pending.changes")
    about = (
        f" (about {pending['estimated_changes']} in {_number(answer, 'pending.change_sets')} change sets)"
        if pending["estimated_changes"] != pending["changes"]
        else ""
    )
    return Text(
        f"{changes} changes of {_number(answer, 'pending.objects')} objects{about}; the oldest is "
        f"{_duration(pending['oldest_seconds'])} old",
        "yellow",
    )


def _held(held: dict[str, Any]) -> Text:
    until = f" (next attempt by {_moment(held['until'])})" if held["until"] else ""
    return Text(f"{held['reason']}: {held['detail']}{until}", "yellow")


def _drain(draining: dict[str, Any]) -> Text:
    if not draining["at_work"]:
        return Text("none at work")
    return Text(f"at work; its lease ends at {_moment(draining['until'])} at the latest", "yellow")


def _purges(answer: dict[str, Any]) -> Text:
    purges = answer["purges"]
    oldest = purges["oldest_in_flight_seconds"]
    age = f"; the oldest, {purges['oldest_in_flight']}, for {_duration(oldest)}" if oldest is not None else ""
    text = Text(f"{_number(answer, 'purges.in_flight')} in flight{age}")
    if purges["untracked"]:
        text.append(f"; {purges['untracked']} not tracked yet", "yellow")
    if purges["never_seen_completed"]:
        lost = _number(answer, "purges.never_seen_completed")
        text.append(f"; {lost} of the last day never seen Completed", "red")
    return text


def _completed(answer: dict[str, Any]) -> Text:
    median = answer["purges"]["median_seconds_to_completed"]
    usual = "" if median is None else f", in {_duration(median)} (median)"
    return Text(
        f"in the last day, {_number(answer, 'purges.accepted_last_day')} purges were accepted and "
        f"{_number(answer, 'purges.completed_last_day')} Completed{usual}"
    )


def _pause(pause: dict[str, Any]) -> Text:
    when = "was over at" if pause["over"] else "until"
    return Text(f"{when} {_moment(pause['until'])}: {pause['reason']}", "yellow")


def _failing(failing: dict[str, Any]) -> Table:
    table = Table("failing URL", "attempts", "next attempt", box=SIMPLE_HEAD, pad_edge=False)
    for each in failing["urls"]:
        table.add_row(Text(each["url"], overflow="fold"), f"{each['attempts']}", _moment(each["retry_at"]))
    if failing["count"] > len(failing["urls"]):
        table.add_row(f"… {failing['count'] - len(failing['urls'])} more", "", "")
    return table


def _settings(settings: dict[str, Any]) -> Table:
    table = Table("setting", "value", box=SIMPLE_HEAD, pad_edge=False)
    for name, value in settings.items():
        table.add_row(name, Text(_value(value), overflow="fold"))
    return table


def _value(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={each}" for name, each in value.items())
    if isinstance(value, list):
        return " ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _url(url: dict[str, Any]) -> list[RenderableType]:
    last = url["last_purge"]
    name = Text(url["url"], overflow="fold")
    if url["form"] == "dependent":
        name.append("  (depends on the object)", "dim")
    if url["failing"]:
        retry = _moment(url["failing"]["retry_at"])
        name.append(f"\n{url['failing']['attempts']} failed attempts; the next at {retry}", "red")
    if url["endpoint_given_up_at"]:
        which = "it was" if url["form"] == "dependent" else "URLs of its endpoint were"
        name.append(f"\n{which} given up since {_moment(url['endpoint_given_up_at'])}", "red")
    if url["wildcard_refused"]:
        name.append("\nImageKit refused its wildcard", "yellow")
    if last is None:
        return [name.append("\n  none", "yellow"), "", ""]
    name.append(f"\n  {last['url']}", "dim")
    variants = url["last_purge_of_variants"]
    if variants and variants["request_id"] != last["request_id"]:
        name.append(f"\n  {variants['url']} (variants, at {_moment(variants['accepted_at'])})", "dim")
    completed = last["completed_at"]
    seen = Text(_moment(completed), "green") if completed else Text(last["state"], "yellow")
    return [name, _moment(last["accepted_at"]), seen]


def _number(answer: dict[str, Any], path: str) -> str:
    part, _, name = path.partition(".")
    return f"{'at least ' if path in answer['at_least'] else ''}{answer[part][name]}"


def _moment(iso: str) -> str:
    """An ISO 8601 time in UTC, as people read it."""
    return f"{iso[:19].replace('T', ' ')} UTC"


def _duration(seconds: float) -> str:
    """Seconds, in the unit that people read best."""
    for size, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
