"""What invokes SubmitPurge: the queue's mapping, the schedule of every minute, and people.

As Lambda has it: the mapping deletes what a finished invocation did not report, and nothing of one that
failed or was killed; the schedule's event is not tried again. Who asks by hand waits a minute and asks again.
"""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.chaos.functions import Invocation
    from tests.chaos.queue import Message
    from tests.chaos.world import World

# Of template.yaml's mapping: the invocations that it has at once.
_CONCURRENCY = 2
# A client of boto3 waits so long, and asks so often (botocore's defaults, of `sam remote invoke` as well).
_PATIENCE, _TRIES = 60.0, 5


class Triggers:
    """Invocations are started here, and end by themselves."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._polling = 0
        self._due: set[float] = set()

    def poll_at(self, time: float) -> None:
        """The mapping looks once a message has been visible for its batching window."""
        due = round(time + self._world.schedule.setup.coalesce)
        if due not in self._due:
            self._due.add(due)
            self._world.timeline.at(due, lambda: self._poll(due))

    def _poll(self, due: float) -> None:
        world, most = self._world, self._world.schedule.setup.batch
        self._due.discard(due)
        if self._polling == _CONCURRENCY:
            self.poll_at(world.now + 3)
            return
        batch = world.queue.receive(world.now, most)
        if len(batch) == most:
            self.poll_at(world.now)
        if batch:
            self._polling += 1
            event = {"Records": [message.record() for message in batch]}
            world.functions.submit(event, lambda _invocation, answer: self._polled(batch, answer))

    def _polled(self, batch: list["Message"], answer: Any) -> None:
        self._polling -= 1
        if answer is not None:
            failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
            self._world.queue.delete(message.id for message in batch if message.id not in failed)

    def tick(self) -> None:
        """The schedule's invocation."""
        self._world.functions.submit({"tick": True}, self._world.books.ticked)

    def ask(self, asked: str, tries: int = _TRIES) -> None:
        """Someone invokes SubmitPurge by hand, with this JSON; the client asks again if no answer has come in
        time, and the person, if there is an error."""
        world = self._world
        world.books.asked(asked, world.now)
        answered: list[Any] = []

        def done(invocation: "Invocation", answer: Any) -> None:
            answered.append(answer)
            world.books.replied(asked, answer)
            world.waiting.replied(invocation, answer)
            if answer is None:
                world.timeline.at(world.now + _PATIENCE, lambda: self.ask(asked))

        def again() -> None:
            if not answered and tries > 1:
                self.ask(asked, tries - 1)

        world.functions.submit(json.loads(asked), done)
        world.timeline.at(world.now + _PATIENCE, again)
