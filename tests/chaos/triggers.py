"""What invokes SubmitPurge: the queue's event source mapping, the schedule of every minute, and people.

As in Lambda, the mapping deletes the messages that a finished invocation did not report, and no message of an
invocation that failed or was killed. The schedule's event is not retried. A client that invokes the function
manually waits a minute for the answer, and then retries.
"""

import json
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.chaos.functions import Invocation
    from tests.chaos.queue import Message
    from tests.chaos.simulation import Simulation

# template.yaml's MaximumConcurrency of the mapping.
_CONCURRENCY = 2
# botocore's defaults, which `sam remote invoke` uses as well: the read time-out in seconds, and the attempts.
_CLIENT_TIMEOUT, _CLIENT_ATTEMPTS = 60.0, 5


class Triggers:
    """Starts invocations. They end by themselves."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._polling = 0
        self._due: set[float] = set()

    def poll_at(self, time: float) -> None:
        """Lets the mapping poll when a message has been visible for the batching window."""
        due = round(time + self._simulation.schedule.setup.coalesce)
        if due not in self._due:
            self._due.add(due)
            self._simulation.timeline.at(due, lambda: self._poll(due))

    def _poll(self, due: float) -> None:
        simulation, most = self._simulation, self._simulation.schedule.setup.batch
        self._due.discard(due)
        if self._polling == _CONCURRENCY:
            self.poll_at(simulation.now + 3)
            return
        batch = simulation.queue.receive(simulation.now, most)
        if len(batch) == most:
            self.poll_at(simulation.now)
        if batch:
            self._polling += 1
            event = {"Records": [message.record() for message in batch]}
            simulation.functions.submit(event, lambda _invocation, answer: self._finish_poll(batch, answer))

    def _finish_poll(self, batch: list["Message"], answer: Any) -> None:
        self._polling -= 1
        if answer is not None:
            failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
            self._simulation.queue.delete(message.id for message in batch if message.id not in failed)

    def tick(self) -> None:
        """Invokes SubmitPurge as the schedule does."""
        self._simulation.functions.submit({"tick": True}, self._simulation.audit_log.record_tick)

    def invoke_manually(self, request: str, attempts: int = _CLIENT_ATTEMPTS) -> None:
        """Invokes SubmitPurge with a request in JSON.

        The client retries if no answer comes in time. The person tries again after an error.
        """
        simulation = self._simulation
        simulation.audit_log.record_manual_request(request, simulation.now)
        answers: list[Any] = []

        def done(invocation: "Invocation", answer: Any) -> None:
            answers.append(answer)
            simulation.audit_log.record_manual_answer(request, answer)
            simulation.alert_checker.record_manual_answer(invocation, answer)
            if answer is None:
                again = partial(self.invoke_manually, request)
                simulation.timeline.at(simulation.now + _CLIENT_TIMEOUT, again)

        def retry() -> None:
            if not answers and attempts > 1:
                self.invoke_manually(request, attempts - 1)

        simulation.functions.submit(json.loads(request), done)
        simulation.timeline.at(simulation.now + _CLIENT_TIMEOUT, retry)
