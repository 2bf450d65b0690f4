"""Runs a schedule to its end: the faults, the recovery, the executions; then asks the invariants."""

from dataclasses import dataclass
from typing import Any

from tests.chaos.faults import CALLS, STATUS
from tests.chaos.schedule import Schedule
from tests.chaos.world import World

_MINUTE, _HOUR = 60.0, 3600.0
_DAY = 86_400.0
# Virtual days, and ticks, after which what is not quiet never will be: 20 months of a small quota.
_BOUND_DAYS, _BOUND_TICKS = 600, 3000
# TrackPurges: template.yaml's PurgeDeadlineMinutes, and what the state machine asks for.
_DEADLINE = 15 * 60.0
_ATTEMPTS, _TELLINGS = 3, 6


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a schedule: `broken` invariants; ImageKit's `log`; counts of what happened; the
    functions' `output`."""

    broken: list[str]
    log: list[tuple[float, str, str, str]]
    counts: dict[str, int]
    output: str


def run(schedule: Schedule, *, socket: bool = True, moto: bool = False) -> Result:
    """The whole story of one schedule; `socket`: the emulator is on one; `moto`: AWS is moto's."""
    world = World(schedule, socket=socket, moto=moto)
    with world.open():
        world.story.begin()
        _live(world)
        _follow_all(world)
        world.close()
    counts = {
        "changes": len(schedule.steps),
        "faults": len(schedule.faults),
        "invocations": world.functions.count,
        "purges": len(world.books.accepted),
        "executions": len(world.aws.executions),
        "days": round((world.now - schedule.setup.start) / _DAY),
        "calls": sum(world.wire.calls.values()),
    }
    return Result(world.books.broken, world.books.log, counts, world.log.getvalue())


def _live(world: World) -> None:
    """The schedule, with a tick every minute; then no faults, and ticks until all is quiet.

    A tick finds nothing to do where nothing is pending, and so is left out there once the schedule is over;
    where the quota is used up, and in the end, ticks grow rarer. Fewer ticks are the harder case, not the
    easier one.
    """
    start, timeline = world.schedule.setup.start, world.timeline
    calm_at = start + world.schedule.end
    while world.now < calm_at:
        timeline.advance(min(_MINUTE, max(0.001, calm_at - world.now)))
        world.triggers.tick()
    world.story.calm_down()
    pause = _MINUTE
    for _ in range(_BOUND_TICKS):
        while world.functions.running:
            timeline.advance(1.0)
        busy = _unfinished(world)
        if not busy and timeline.next_event is None:
            return
        if world.now > start + _BOUND_DAYS * _DAY:
            return
        if not busy:
            pause = _MINUTE
            timeline.advance(max(0.0, (timeline.next_event or world.now) - world.now))
            continue
        timeline.advance(pause)
        world.triggers.tick()
        pause = _longer(pause, world, calm_at)


def _longer(pause: float, world: World, calm_at: float) -> float:
    """Until the next tick but one."""
    if world.now > calm_at + _DAY:
        return min(pause * 2, _DAY)
    if world.schedule.setup.quota < 10**5:
        return min(pause * 2, _HOUR)
    return min(pause * 1.1, 600.0)


def _unfinished(world: World) -> bool:
    return any(
        item["pk"]["S"] == "pending" or item["sk"]["S"].startswith(("lease", "untracked#"))
        for item in world.aws.items()
    )


def _follow_all(world: World) -> None:
    """Every execution to its end, the status API failing now and then, as the schedule has it."""
    faults = [fault for fault in world.schedule.faults if CALLS.get(fault.name, lambda _: False)(STATUS)]
    for number, execution in enumerate(list(world.aws.executions.values())):
        if number < len(faults) and faults[number].name not in ("kill", "time-out", "concurrent"):
            world.wire.arm(faults[number])
        _follow(world, execution["purges"])


def _follow(world: World, purges: list[dict[str, Any]]) -> None:
    """TrackPurges in small: wait, check, and again; past the deadline, or if CheckPurges fails, alert."""
    ids = {purge["request_id"] for purge in purges}
    deadline, seconds = world.now + _DEADLINE, 5.0
    while purges:
        world.timeline.advance(seconds)
        answer = next((found for _ in range(_ATTEMPTS) if (found := world.functions.check(purges))), None)
        if answer is None:
            break
        open_ids = {purge["request_id"] for purge in answer["purges"]}
        for request_id in ids - open_ids:
            world.books.followed.setdefault(request_id, "Completed")
        purges = answer["purges"]
        if world.now >= deadline:
            break
        seconds = max(1.0, min(max(seconds * 1.5, answer["wait_seconds"]), deadline - world.now))
    if purges:
        _give_up(world, purges)


def _give_up(world: World, purges: list[dict[str, Any]]) -> None:
    """What is not Completed in time is alerted; if not even that can be, an alarm rings for the execution."""
    order = {"execution": "arn:aws:states:::execution:TrackPurges", "minutes": f"{_DEADLINE / _MINUTE:.0f}"}
    told = any(world.functions.check(purges, give_up=order) is not None for _ in range(_TELLINGS))
    for purge in purges:
        world.books.followed[purge["request_id"]] = "alerted"
    late = any("Completed" in text for _, text in world.books.alerts)
    if told and not late:
        world.books.breaks("d", f"{len(purges)} purges were not Completed in time, and nobody was told")
