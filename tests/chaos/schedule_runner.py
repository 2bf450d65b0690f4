"""Runs a schedule: objects change, old versions expire, messages and requests arrive, calls fail."""

import json
from dataclasses import replace
from functools import partial
from itertools import count
from random import Random
from typing import TYPE_CHECKING

from local.fakes.s3_listing import version_id
from local.imagekit.faults import FaultPlan
from tests.chaos.bucket import Version, expiry, midnight
from tests.chaos.faults import Fault
from tests.chaos.messages import EXPIRED, event_type_of, message_body
from tests.chaos.schedule import Step
from tests.chaos.setup import targets

if TYPE_CHECKING:
    from tests.chaos.simulation import Simulation

_HOUR = 3600.0


class ScheduleRunner:
    """Runs the steps and starts the faults of a schedule at their times."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._numbers = count()
        self._revoked_until = 0.0

    def start(self) -> None:
        """Puts all steps and faults on the timeline."""
        schedule, timeline = self._simulation.schedule, self._simulation.timeline
        for step in schedule.steps:
            timeline.at(schedule.setup.start + step.at, partial(self._run_step, step))
        for fault in schedule.faults:
            timeline.at(schedule.setup.start + fault.at, partial(self._start_fault, fault))

    def change_again(self, url: str, seconds: float) -> None:
        """Changes an object of a URL that was just purged, `seconds` later.

        So close to the purge, the clocks disagree about which of the two came first.
        """
        simulation = self._simulation
        for change in reversed(simulation.audit_log.changes_to_purge):
            known = targets(simulation.schedule.setup, change.step.key)
            if any(each.startswith(url.removesuffix("*")) for each in known):
                step = replace(change.step, kind="created", by_lifecycle=False, deliveries=(0.5,))
                simulation.timeline.at(simulation.now + seconds, partial(self._run_step, step))
                return

    def stop_faults(self) -> None:
        """Ends all faults."""
        self._simulation.fault_injector.active.clear()
        self._simulation.emulator.state.faults = FaultPlan()

    def _run_step(self, step: Step) -> None:
        simulation = self._simulation
        if step.manual_request:
            for delay in step.deliveries:
                invoke = partial(simulation.triggers.invoke_manually, step.manual_request)
                simulation.timeline.at(simulation.now + delay, invoke)
            return
        if step.malformed:
            self._send(step.malformed, step.deliveries)
            return
        setup, now = simulation.schedule.setup, simulation.now
        versions = simulation.bucket.history.get(step.key, [])
        before = versions[-1] if versions else None
        event_time = now + step.skew
        listed_time = midnight(now) if step.by_lifecycle and setup.versioned else event_time
        version = simulation.bucket.change(step.key, Version(step.kind, now, listed_time))
        simulation.audit_log.record_change(step, now, before)
        if before and setup.expiry_days and before.kind == "created":
            self._schedule_expiry(step, len(simulation.bucket.history[step.key]) - 1)
        event_type = event_type_of(step.kind, by_lifecycle=step.by_lifecycle, versioned=setup.versioned)
        body = message_body(
            event_type,
            step.key,
            step.message_format,
            event_time=event_time,
            version=version,
            number=next(self._numbers),
        )
        self._send(body, step.deliveries)

    def _schedule_expiry(self, step: Step, number: int) -> None:
        """Expires the version that a step overwrote, some hours after it is due. S3 sends an event then."""
        simulation = self._simulation
        random = Random(f"{simulation.schedule.seed} {step.key} {number}")
        due = expiry(simulation.now, simulation.schedule.setup.expiry_days) + random.uniform(0, 6 * _HOUR)

        def expire() -> None:
            simulation.bucket.expire(step.key, number)
            body = message_body(
                EXPIRED,
                step.key,
                step.message_format,
                event_time=simulation.now + step.skew,
                version=version_id(number),
                number=next(self._numbers),
            )
            self._send(body, (random.uniform(1, 600),))

        simulation.timeline.at(due, expire)

    def _send(self, body: str, deliveries: tuple[float, ...]) -> None:
        """Sends copies of a message, each after its delay."""
        simulation, number = self._simulation, next(self._numbers)

        def deliver(copy: int) -> None:
            simulation.queue.send(body, simulation.now, number=number * 10 + copy)

        for copy, delay in enumerate(deliveries):
            simulation.timeline.at(simulation.now + delay, partial(deliver, copy))

    def _start_fault(self, fault: Fault) -> None:
        simulation = self._simulation
        if fault.name not in ("rotated-key", "revoked-key"):
            simulation.fault_injector.activate(fault)
            return
        # The key changes at ImageKit first, and in Secrets Manager later: there as JSON, or bare.
        simulation.keys.append(f"private_{simulation.schedule.seed}_{len(simulation.keys)}")
        settings = simulation.emulator.state.settings
        simulation.emulator.state.apply(settings.changed({"privateKey": simulation.keys[-1]}))
        if fault.name == "revoked-key":
            self._revoked_until = simulation.now + fault.seconds

        def put() -> None:
            key = simulation.keys[-1]
            simulation.aws.put_secret(json.dumps({"private_key": key}) if len(simulation.keys) % 2 else key)

        simulation.timeline.at(max(simulation.now + fault.seconds, self._revoked_until), put)
