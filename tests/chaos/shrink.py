"""The shortest prefix of a schedule that still breaks an invariant, by bisection."""

from collections.abc import Callable

from tests.chaos.schedule import Schedule


def shrink(schedule: Schedule, fails: Callable[[Schedule], bool]) -> Schedule:
    """`schedule`, which fails, cut to its first steps, then to its first faults, as long as it fails.

    A prefix that is found fails; that none shorter does is likely, not certain: more steps can also hide
    a failure.
    """
    steps = _least(len(schedule.steps), lambda count: fails(schedule.first(count, len(schedule.faults))))
    shorter = schedule.first(steps, len(schedule.faults))
    faults = _least(len(shorter.faults), lambda count: fails(shorter.first(steps, count)))
    return shorter.first(steps, faults)


def _least(most: int, fails: Callable[[int], bool]) -> int:
    low, high = 0, most
    while low < high:
        middle = (low + high) // 2
        if fails(middle):
            high = middle
        else:
            low = middle + 1
    return high


def as_text(schedule: Schedule) -> str:
    """A schedule for people: one line for the set-up, and one for each thing that happens, by time."""
    setup = schedule.setup
    lines = [f"set-up: {setup}".replace(f"existing={setup.existing!r}", f"{len(setup.existing)} keys")]
    happening = [
        (step.at, f"malformed {step.malformed!r}" if step.malformed else f"{step.kind} {step.key!r}", step)
        for step in schedule.steps
        if not step.asked
    ]
    events = [
        (at, f"{what}, S3's clock {step.skew:+g} s, by {step.shape or 'hand'} after {step.deliveries} s")
        for at, what, step in happening
    ]
    events += [(step.at, f"purge by hand {step.asked}") for step in schedule.steps if step.asked]
    events += [
        (
            fault.at,
            f"FAULT {fault.name}: spares {fault.skip}, then hits {fault.times}, {fault.seconds:g} s"
            f"{', after its effect' if fault.after else ''}",
        )
        for fault in schedule.faults
    ]
    return "\n".join(lines + [f"{at:9.3f} s  {what}" for at, what in sorted(events)])
