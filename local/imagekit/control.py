"""The control endpoints, under ``/_control/``: they show the state, change settings and inject faults.

They need no key: the emulator listens on this machine only.
"""

import json
from collections.abc import Callable

from local.imagekit.account import replacements
from local.imagekit.answers import Answer, Request, as_json
from local.imagekit.faults import BadFault, Fault, FaultPlan
from local.imagekit.purges import month
from local.imagekit.settings import BadSetting
from local.imagekit.state import State


class Control:
    """Answers in JSON; a request that makes no sense gets 400 with a ``message``. Times are unix seconds."""

    def __init__(self, state: State) -> None:
        self._state = state
        # Each takes the time and the request's body, and returns the value that is answered as JSON.
        self._controls: dict[str, Callable[[float, bytes], object]] = {
            "GET health": lambda _now, _body: {"status": "ok"},
            "GET state": self._show_state,
            "GET purges": self._show_purges,
            "POST settings": self._change_settings,
            "POST account": self._replace_lists,
            "POST faults": self._add_fault,
            "DELETE faults": self._remove_faults,
            "POST reset": self._reset,
        }

    def handle(self, request: Request) -> Answer:
        """Answer a request under ``/_control/``."""
        wanted = f"{request.method} {request.target.partition('?')[0].removeprefix('/_control/')}"
        control = self._controls.get(wanted)
        if control is None:
            return _problem(404, f"no control {wanted!r}; there are {', '.join(self._controls)}")
        with self._state.lock:
            try:
                return as_json(200, "ok", control(self._state.advance(), request.body))
            except (BadSetting, BadFault) as error:
                return _problem(400, str(error))

    def _show_state(self, now: float, _body: bytes) -> object:
        state = self._state
        return {
            "now": now,
            "settings": state.settings.public(),
            "month": month(now),
            "purgesUsed": state.purges.used(now),
            "purgesPending": state.purges.pending(now),
            "cacheEntries": len(state.cache),
            "faults": state.faults.waiting(),
            "calls": state.calls,
        }

    def _show_purges(self, now: float, _body: bytes) -> object:
        return [
            {
                "requestId": purge.request_id,
                "url": purge.url,
                "acceptedAt": purge.accepted_at,
                "completedAt": purge.completes_at if purge.completed(now) else None,
            }
            for purge in self._state.purges.all()
        ]

    def _change_settings(self, _now: float, body: bytes) -> object:
        self._state.apply(self._state.settings.changed(_fields(body)))
        return self._state.settings.public()

    def _replace_lists(self, _now: float, body: bytes) -> object:
        self._state.replaced = {**self._state.replaced, **replacements(_fields(body))}
        return self._state.replaced

    def _add_fault(self, _now: float, body: bytes) -> object:
        self._state.faults.add(Fault.parse(_fields(body)))
        return {"faults": self._state.faults.waiting()}

    def _remove_faults(self, _now: float, _body: bytes) -> object:
        self._state.faults = FaultPlan()
        return {"faults": self._state.faults.waiting()}

    def _reset(self, _now: float, _body: bytes) -> object:
        self._state.reset()
        return {"status": "ok"}


def _fields(body: bytes) -> dict[str, object]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadSetting(f"the body is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadSetting("the body is no JSON object; give {…}")
    return value


def _problem(status: int, message: str) -> Answer:
    return as_json(status, "refused", {"message": message})
