"""Makes a schedule happen: objects change, old versions expire, messages arrive, people ask, calls fail."""

import json
from dataclasses import replace
from itertools import count
from random import Random
from typing import TYPE_CHECKING

from local.fakes.s3_listing import version_id
from local.imagekit.faults import FaultPlan
from tests.chaos.bucket import Version, expiry, midnight
from tests.chaos.faults import Fault
from tests.chaos.messages import EXPIRED, body_of, told_of
from tests.chaos.schedule import Step
from tests.chaos.setup import targets

if TYPE_CHECKING:
    from tests.chaos.world import World

_HOUR = 3600.0


class Story:
    """What happens around the functions."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._numbers = count()
        self._revoked_until = 0.0

    def begin(self) -> None:
        """Put the schedule on the clock."""
        schedule, timeline = self._world.schedule, self._world.timeline
        for step in schedule.steps:
            timeline.at(schedule.setup.start + step.at, lambda step=step: self._happen(step))  # type: ignore[misc]
        for fault in schedule.faults:
            timeline.at(schedule.setup.start + fault.at, lambda fault=fault: self._fail(fault))  # type: ignore[misc]

    def change_again(self, url: str, seconds: float) -> None:
        """An object that was just purged changes so many seconds later: whose clock says what, then?"""
        world = self._world
        for owed in reversed(world.books.owed):
            known = targets(world.schedule.setup, owed.step.key)
            if any(each.startswith(url.removesuffix("*")) for each in known):
                step = replace(owed.step, kind="created", by_lifecycle=False, deliveries=(0.5,))
                world.timeline.at(world.now + seconds, lambda step=step: self._happen(step))  # type: ignore[misc]
                return

    def calm_down(self) -> None:
        """No fault from now on."""
        self._world.wire.armed.clear()
        self._world.emulator.state.faults = FaultPlan()

    def _happen(self, step: Step) -> None:
        world = self._world
        if step.asked:
            for delay in step.deliveries:
                world.timeline.at(world.now + delay, lambda: world.triggers.ask(step.asked))
            return
        if step.malformed:
            self._send(step.malformed, step.deliveries, malformed=True)
            return
        setup = world.schedule.setup
        versions = world.bucket.history.get(step.key, [])
        before = versions[-1] if versions else None
        seen = midnight(world.now) if step.by_lifecycle and setup.versioned else world.now + step.skew
        version = world.bucket.change(step.key, Version(step.kind, world.now, seen))
        world.books.changed(step, world.now, before)
        if before and setup.expiry_days and before.kind == "created":
            self._expires(step, len(world.bucket.history[step.key]) - 1)
        told = told_of(step.kind, by_lifecycle=step.by_lifecycle, versioned=setup.versioned)
        number = next(self._numbers)
        body = body_of(told, step.key, step.shape, seen=world.now + step.skew, version=version, number=number)
        self._send(body, step.deliveries)

    def _expires(self, step: Step, number: int) -> None:
        """The version that a step made an old one goes some hours after it is due, and S3 says so."""
        world = self._world
        random = Random(f"{world.schedule.seed} {step.key} {number}")
        due = expiry(world.now, world.schedule.setup.expiry_days) + random.uniform(0, 6 * _HOUR)

        def expire() -> None:
            world.bucket.expire(step.key, number)
            seen = world.now + step.skew
            body = body_of(
                EXPIRED,
                step.key,
                step.shape,
                seen=seen,
                version=version_id(number),
                number=next(self._numbers),
            )
            self._send(body, (random.uniform(1, 600),))

        world.timeline.at(due, expire)

    def _send(self, body: str, deliveries: tuple[float, ...], *, malformed: bool = False) -> None:
        world, number = self._world, next(self._numbers)
        for copy, delay in enumerate(deliveries):
            world.timeline.at(
                world.now + delay,
                lambda copy=copy: world.queue.send(  # type: ignore[misc]
                    body, world.now, malformed=malformed, number=number * 10 + copy
                ),
            )

    def _fail(self, fault: Fault) -> None:
        world = self._world
        if fault.name not in ("rotated-key", "revoked-key"):
            world.wire.arm(fault)
            return
        # At ImageKit first, in Secrets Manager a while later: there as JSON, or bare.
        world.keys.append(f"private_{world.schedule.seed}_{len(world.keys)}")
        settings = world.emulator.state.settings
        world.emulator.state.apply(settings.changed({"privateKey": world.keys[-1]}))
        if fault.name == "revoked-key":
            self._revoked_until = world.now + fault.seconds

        def put() -> None:
            key = world.keys[-1]
            world.aws.put_secret(json.dumps({"private_key": key}) if len(world.keys) % 2 else key)

        world.timeline.at(max(world.now + fault.seconds, self._revoked_until), put)
