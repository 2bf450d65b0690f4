"""Runs a schedule to its end: its faults, the recovery and the executions. Then it runs the checkers."""

from dataclasses import dataclass
from typing import Any

from tests.chaos.faults import CALL_FAULTS, STATUS
from tests.chaos.schedule import Schedule
from tests.chaos.simulation import Simulation

_MINUTE, _HOUR = 60.0, 3600.0
_DAY = 86_400.0
# A simulation that is not idle after so many virtual days or ticks never will be: 20 months of a small quota.
_MAX_DAYS, _MAX_TICKS = 600, 3000
# TrackPurges: template.yaml's PurgeDeadlineMinutes, and how often the state machine tries each call.
_DEADLINE = 15 * 60.0
_CHECK_ATTEMPTS, _ALERT_ATTEMPTS = 3, 6


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a schedule: violated invariants, ImageKit's `log`, counts, the functions' `output`."""

    violations: list[str]
    log: list[tuple[float, str, str, str]]
    counts: dict[str, int]
    output: str


def run(schedule: Schedule, *, socket: bool = True, moto: bool = False) -> Result:
    """Runs one schedule. `socket`: the emulator listens on a socket. `moto`: moto emulates AWS."""
    simulation = Simulation(schedule, socket=socket, moto=moto)
    with simulation.open():
        simulation.schedule_runner.start()
        _run_schedule(simulation)
        _track_all(simulation)
        simulation.check()
    audit_log = simulation.audit_log
    counts = {
        "changes": len(schedule.steps),
        "faults": len(schedule.faults),
        "invocations": simulation.functions.count,
        "purges": len(audit_log.accepted),
        "executions": len(simulation.aws.executions),
        "days": round((simulation.now - schedule.setup.start) / _DAY),
        "calls": sum(simulation.fault_injector.calls.values()),
    }
    return Result(audit_log.violations, audit_log.imagekit_log, counts, simulation.log.getvalue())


def _run_schedule(simulation: Simulation) -> None:
    """Runs the schedule with a tick every minute, then ticks without faults until everything is idle.

    After the schedule, ticks are left out while nothing is pending, because they would do nothing. They are
    rarer while the quota is used up, and towards the end. Rarer ticks make it harder for the functions.
    """
    start, timeline = simulation.schedule.setup.start, simulation.timeline
    faults_end = start + simulation.schedule.end
    while simulation.now < faults_end:
        timeline.advance(min(_MINUTE, max(0.001, faults_end - simulation.now)))
        simulation.triggers.tick()
    simulation.schedule_runner.stop_faults()
    pause = _MINUTE
    for _ in range(_MAX_TICKS):
        while simulation.functions.running:
            timeline.advance(1.0)
        busy = _unfinished(simulation)
        if not busy and timeline.next_event is None:
            return
        if simulation.now > start + _MAX_DAYS * _DAY:
            return
        if not busy:
            pause = _MINUTE
            timeline.advance(max(0.0, (timeline.next_event or simulation.now) - simulation.now))
            continue
        timeline.advance(pause)
        simulation.triggers.tick()
        pause = _next_pause(pause, simulation, faults_end)


def _next_pause(pause: float, simulation: Simulation, faults_end: float) -> float:
    """Returns a longer pause between two ticks."""
    if simulation.now > faults_end + _DAY:
        return min(pause * 2, _DAY)
    if simulation.schedule.setup.quota < 10**5:
        return min(pause * 2, _HOUR)
    return min(pause * 1.1, 600.0)


def _unfinished(simulation: Simulation) -> bool:
    """Whether the ledger has a pending change, a lease or an untracked purge."""
    return any(
        item["pk"]["S"] == "pending" or item["sk"]["S"].startswith(("lease", "untracked#"))
        for item in simulation.aws.items()
    )


def _track_all(simulation: Simulation) -> None:
    """Runs every execution to its end. The schedule's faults of the status API hit some of them."""
    faults = [
        fault for fault in simulation.schedule.faults if CALL_FAULTS.get(fault.name, lambda _: False)(STATUS)
    ]
    for number, execution in enumerate(list(simulation.aws.executions.values())):
        if number < len(faults) and faults[number].name not in ("kill", "time-out", "concurrent"):
            simulation.fault_injector.activate(faults[number])
        _track(simulation, execution["purges"])


def _track(simulation: Simulation, purges: list[dict[str, Any]]) -> None:
    """Does what TrackPurges does: waits and checks repeatedly, and alerts after the deadline or a failure."""
    ids = {purge["request_id"] for purge in purges}
    deadline, seconds = simulation.now + _DEADLINE, 5.0
    while purges:
        simulation.timeline.advance(seconds)
        attempts = (simulation.functions.check(purges) for _ in range(_CHECK_ATTEMPTS))
        answer = next((found for found in attempts if found), None)
        if answer is None:
            break
        unfinished = {purge["request_id"] for purge in answer["purges"]}
        for request_id in ids - unfinished:
            simulation.audit_log.tracking_results.setdefault(request_id, "Completed")
        purges = answer["purges"]
        if simulation.now >= deadline:
            break
        seconds = max(1.0, min(max(seconds * 1.5, answer["wait_seconds"]), deadline - simulation.now))
    if purges:
        _give_up(simulation, purges)


def _give_up(simulation: Simulation, purges: list[dict[str, Any]]) -> None:
    """Alerts purges that are not Completed in time. If the alert fails, the execution raises an alarm."""
    order = {"execution": "arn:aws:states:::execution:TrackPurges", "minutes": f"{_DEADLINE / _MINUTE:.0f}"}
    attempts = (simulation.functions.check(purges, give_up=order) for _ in range(_ALERT_ATTEMPTS))
    alerted = any(answer is not None for answer in attempts)
    audit_log = simulation.audit_log
    for purge in purges:
        audit_log.tracking_results[purge["request_id"]] = "alerted"
    if alerted and not any("Completed" in text for _, text in audit_log.alerts):
        audit_log.add_violation("d", f"{len(purges)} purges were not Completed in time, without an alert")
