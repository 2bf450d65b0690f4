"""Checks at the end of a simulation: (c), (d), (e) and (f) of `INVARIANTS` in `audit_log.py`."""

import base64
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.chaos.simulation import Simulation


def check(simulation: "Simulation") -> None:
    """Checks all of them."""
    _nothing_is_left(simulation)
    _every_purge_is_tracked(simulation)
    _dead_letters_are_the_malformed_messages(simulation)
    _no_secret_is_written(simulation)


def _nothing_is_left(simulation: "Simulation") -> None:
    for item in simulation.aws.items():
        pk, sk = item["pk"]["S"], item["sk"]["S"]
        # An idle tick takes no lease, so that of a function that died stays until there is something to do.
        held = sk == "lease" and not (
            simulation.audit_log.died and float(item["until"]["N"]) < simulation.now
        )
        if pk == "pending" or held or sk.startswith("untracked#"):
            simulation.audit_log.add_violation("c", f"left in the ledger: {pk} {sk}")
    if simulation.queue.messages:
        simulation.audit_log.add_violation(
            "c", f"{len(simulation.queue.messages)} messages left in the queue"
        )


def _every_purge_is_tracked(simulation: "Simulation") -> None:
    audit_log = simulation.audit_log
    ids = {purge.request_id for purge in audit_log.accepted}
    for item in simulation.aws.items():
        if item["pk"]["S"] == "submitted" and "request_id" in item:
            request_id = item["request_id"]["S"]
            if request_id not in ids:
                audit_log.add_violation(
                    "d", f"purge {request_id} is in the ledger, but ImageKit never accepted it"
                )
            elif request_id not in audit_log.tracking_results:
                audit_log.add_violation(
                    "d", f"purge {request_id} of {item['url']['S']} was given to no execution"
                )
    for request_id, result in audit_log.tracking_results.items():
        purge = simulation.emulator.state.purges.find(request_id)
        if result == "Completed" and not (purge and purge.completed(simulation.now)):
            audit_log.add_violation("d", f"purge {request_id} was reported as Completed, but is not")


def _dead_letters_are_the_malformed_messages(simulation: "Simulation") -> None:
    dead = Counter(message.body for message in simulation.queue.dead)
    malformed: Counter[str] = Counter()
    for step in simulation.schedule.steps:
        malformed[step.malformed] += len(step.deliveries) if step.malformed else 0
    if dead != +malformed:
        wrong, missing = list((dead - malformed).elements()), list((malformed - dead).elements())
        simulation.audit_log.add_violation(
            "e", f"dead letters that are not malformed: {wrong}; malformed, but no dead letters: {missing}"
        )


def _no_secret_is_written(simulation: "Simulation") -> None:
    places = {
        "the log": simulation.log.getvalue(),
        "the table": repr(simulation.aws.items()),
        "an execution": repr(simulation.aws.executions),
        "an alert": repr(simulation.audit_log.alerts),
    }
    secrets = dict.fromkeys(simulation.keys, "a private key")
    secrets |= dict.fromkeys(filter(None, simulation.audit_log.authorizations), "an Authorization header")
    secrets |= {base64.b64encode(f"{key}:".encode()).decode(): "an encoded private key" for key in secrets}
    for place, text in places.items():
        for secret, name in secrets.items():
            if secret in text:
                simulation.audit_log.add_violation("f", f"{name} is in {place}")
