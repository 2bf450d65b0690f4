"""Why pending changes are held, as far as the ledger shows it. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from purging.answers.reading import Conditions
from purging.planning.months import month_end
from purging.purges import FailingUrl
from purging.settings import Settings


class Held(NamedTuple):
    """A `reason`, as the line `drained` in the log has it; a sentence for people; and `until`: when
    drains try again at the latest (unix seconds), None if only a person can end it."""

    reason: str
    detail: str
    until: float | None


def held(
    conditions: Conditions, settings: Settings, failing: Mapping[str, FailingUrl], *, manual: bool
) -> list[Held]:
    """Return all reasons for which pending changes are held; none if the next drain purges for them.

    `failing` are the URLs of these changes that fail. If all of them are `manual`, they may use the reserve.
    """
    if not conditions.first:
        return []
    now, state = conditions.now, conditions.state
    found = []
    limit = settings.monthly_quota if manual else settings.automatic_quota
    if state.used >= limit:
        detail = f"The {limit} purges that this stack may spend on them this month are used."
        found.append(Held("quota", detail, month_end(now)))
    if state.exhausted:
        detail = state.pause_reason or "ImageKit says that its quota is used up."
        found.append(Held("quota", detail, max(state.paused_until, now)))
    elif state.paused_until > now:
        found.append(Held("paused", f"No calls are made for now: {state.pause_reason}", state.paused_until))
    if conditions.key_refused_at is not None:
        detail = "ImageKit refuses the private key, or the secret has none. Put the current key into it."
        found.append(Held("key refused", detail, None))
    hold = state.hold
    if hold and hold.stands(conditions.first, settings.automatic_quota, now):
        detail = f"The quota is short: {hold.count} changed objects wait for more changes to share a purge."
        found.append(Held("held", detail, hold.until))
    if failing:
        detail = f"ImageKit gave no usable answer for {len(failing)} URLs. They are tried again."
        found.append(Held("failing", detail, min(each.retry_at for each in failing.values())))
    return found
