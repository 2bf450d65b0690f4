"""Cold starts in turn: one of each handler, then the next of each, so that noise meets all of them alike."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.coldstart import imports, packages, services
from benchmarks.coldstart.runtime import ColdStart, cold_start, emulator
from benchmarks.coldstart.services import Services
from local.errors import LocalError
from local.session import locked
from local.watchdog import Watchdog
from local.workspace import SHARED, Workspace

PEER = "as peers write it"


@dataclass(frozen=True, slots=True)
class Case:
    """A handler, and its first event. `works` tells whether the answer is the right one."""

    name: str
    package: Path
    module: str
    event: Callable[[], dict[str, Any]]
    works: Callable[[Any], bool]
    purges: int
    """How many purges the event must make."""


def measure(runs: int) -> Iterator[dict[str, Any]]:
    """A row for each case, then one for the imports of each handler.

    Raises LocalError if anything fails: then no row is given.
    """
    workspace = Workspace(SHARED / "coldstart")
    with locked(workspace), Watchdog() as watchdog:
        workspace.prepare()
        program = emulator(workspace.scratch)
        packages.compile_runtime()
        ours = packages.built(workspace, watchdog)
        peer = packages.peer(workspace.scratch / "peer", ours)
        empty = packages.empty(workspace.scratch / "empty")
        compiled = packages.compiled(ours, workspace.scratch / "compiled")
        with services.running(workspace, watchdog) as running:
            cases = [
                *_cases(running, ours),
                *_cases(running, compiled, ", with bytecode"),
                *_yardsticks(running, peer, empty),
            ]
            starts: dict[str, list[ColdStart]] = {case.name: [] for case in cases}
            for _ in range(runs):
                for case in cases:
                    starts[case.name].append(_start(case, program, running, watchdog))
            env = running.environment
            handlers = {case.module: case.package for case in cases if case.package != compiled}
            breakdowns = [
                imports.breakdown(module, package, module, env) for module, package in handlers.items()
            ]
        yield from (_row(case, starts[case.name], starts[PEER]) for case in cases)
        yield from breakdowns


def _cases(running: Services, ours: Path, suffix: str = "") -> list[Case]:
    return [
        Case(
            *(f"SubmitPurge, a change{suffix}", ours, "submit_purge", running.batch),
            lambda answer: answer == {"batchItemFailures": []},
            purges=1,
        ),
        Case(
            *(f"SubmitPurge, a tick{suffix}", ours, "submit_purge", lambda: {"tick": True}),
            lambda answer: answer.get("busy") is False and answer.get("held") == 0,
            purges=0,
        ),
        Case(
            *(f"CheckPurges{suffix}", ours, "check_purges", running.tracked),
            lambda answer: answer.get("completed") == 1,
            purges=0,
        ),
    ]


def _yardsticks(running: Services, peer: Path, empty: Path) -> list[Case]:
    return [
        Case(
            *(PEER, peer, "peer", lambda: {"url": running.url()}),
            lambda answer: "requestId" in answer,
            purges=1,
        ),
        Case(*("empty", empty, "empty", dict), lambda answer: answer == {}, purges=0),
    ]


def _start(case: Case, program: Path, running: Services, watchdog: Watchdog) -> ColdStart:
    event = case.event()
    before = running.purges()
    log = running.stack.workspace.logs / f"{case.module}.log"
    handler = f"{case.module}.handler"
    start = cold_start(
        program, case.package, handler, event, env=running.environment, log=log, watchdog=watchdog
    )
    if not case.works(start.answer) or running.purges() - before != case.purges:
        raise LocalError(f"{case.name} answered {start.answer}, so its times would mean nothing.", log)
    return start


def _row(case: Case, starts: list[ColdStart], peer: list[ColdStart]) -> dict[str, Any]:
    init, invoke = _medians(starts)
    peer_init, peer_invoke = _medians(peer)
    unpacked, zipped = packages.megabytes(case.package)
    return {
        "handler": case.name,
        "runs": len(starts),
        "init_ms": round(init, 1),
        "init_to_peer": round(init / peer_init, 2),
        "first_invoke_ms": round(invoke, 1),
        "first_invoke_to_peer": round(invoke / peer_invoke, 2),
        "both_to_peer": round((init + invoke) / (peer_init + peer_invoke), 2),
        "peak_mb": round(median(start.peak_mb for start in starts), 1),
        "package_mb": round(unpacked, 2),
        "zip_mb": round(zipped, 2),
    }


def _medians(starts: list[ColdStart]) -> tuple[float, float]:
    return median(start.init_ms for start in starts), median(start.invoke_ms for start in starts)
