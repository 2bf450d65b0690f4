"""Shortens a failing schedule, by bisection, to a prefix that still violates an invariant."""

from collections.abc import Callable

from tests.chaos.schedule import Schedule, Step


def shrink(schedule: Schedule, fails: Callable[[Schedule], bool]) -> Schedule:
    """Returns the failing `schedule` with only its first steps and its first faults.

    The returned schedule fails. Probably, but not certainly, no shorter prefix fails: further steps can also
    hide a failure.
    """
    steps = _smallest(len(schedule.steps), lambda count: fails(schedule.first(count, len(schedule.faults))))
    shorter = schedule.first(steps, len(schedule.faults))
    faults = _smallest(len(shorter.faults), lambda count: fails(shorter.first(steps, count)))
    return shorter.first(steps, faults)


def _smallest(most: int, fails: Callable[[int], bool]) -> int:
    low, high = 0, most
    while low < high:
        middle = (low + high) // 2
        if fails(middle):
            high = middle
        else:
            low = middle + 1
    return high


def as_text(schedule: Schedule) -> str:
    """Returns a readable schedule: a line for the set-up, then a line for each step and fault, by time."""
    setup = schedule.setup
    lines = [f"set-up: {setup}".replace(f"existing={setup.existing!r}", f"{len(setup.existing)} keys")]
    events = [(step.at, _step_text(step)) for step in schedule.steps]
    events += [
        (
            fault.at,
            f"FAULT {fault.name}: spares {fault.skip}, then hits {fault.times}, {fault.seconds:g} s"
            f"{', after its effect' if fault.after else ''}",
        )
        for fault in schedule.faults
    ]
    return "\n".join(lines + [f"{at:9.3f} s  {text}" for at, text in sorted(events)])


def _step_text(step: Step) -> str:
    if step.manual_request:
        return f"manual purge {step.manual_request}"
    if step.malformed:
        return f"malformed message {step.malformed!r} after {step.deliveries} s"
    return (
        f"{step.kind} {step.key!r}, S3's clock {step.skew:+g} s, "
        f"by {step.message_format} after {step.deliveries} s"
    )
