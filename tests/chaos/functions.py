"""Both Lambda functions: their environments, warm or new, and their invocations."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config

import check_purges
import submit_purge
from purging import bootstrap
from purging.aws.alerts import Alerts
from purging.aws.change_queue import ChangeQueue
from purging.aws.clients import AWS_CLIENT
from purging.intake import Intake
from purging.settings import Settings
from purging.status import Checker
from purging.urls import UrlMap
from tests.chaos.adapter import Adapter
from tests.chaos.endpoint import Direct
from tests.chaos.timeline import Strand
from tests.chaos.wire import Killed

if TYPE_CHECKING:
    from tests.chaos.world import World

# Seconds: template.yaml's Timeout of each function.
SUBMIT_TIMEOUT, CHECK_TIMEOUT = 120.0, 60.0
_BARE = Config(signature_version=UNSIGNED, parameter_validation=False)
_SERVICES = ("dynamodb", "s3", "secretsmanager", "stepfunctions", "sns", "sqs")


@dataclass(eq=False, slots=True)
class Environment:
    """A process that Lambda keeps for the next invocation, with a clock that is off by `skew` seconds."""

    app: Intake
    checker: Checker
    alerts: Alerts
    skew: float
    used: bool = False


@dataclass(slots=True)
class Invocation:
    """One run of a handler. `dies_at` in unix seconds; `dead` ones make no call any more.

    `spoiled` are the services that failed it; `struck`: it was killed by a fault, not by its own doing;
    `robbed`: the lease was taken away while it ran. `accepted` are the ids of its purges.
    """

    name: str
    environment: Environment
    began: float
    dies_at: float
    dead: bool = False
    struck: bool = False
    robbed: bool = False
    spoiled: set[str] = field(default_factory=set)
    accepted: list[str] = field(default_factory=list)


class Functions:
    """Invokes the real handlers, each in a strand of its own. `running` are the invocations under way."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.running: list[Invocation] = []
        self.count = 0
        self._environments: list[Environment] = []
        self._made = 0
        self._clients = {name: boto3.client(name, config=AWS_CLIENT.merge(_BARE)) for name in _SERVICES}
        for client in self._clients.values():
            # Nobody reads the user agent here, and the same endpoint need not be looked for at every call:
            # this, like signatures and validation, costs more than the call itself.
            client._user_agent_creator.to_string = str
            client._ruleset_resolver = None
            Direct.into(client, world.wire.call_aws)
        self._settings = _settings(world)

    def submit(self, event: Any, done: Callable[[Invocation, Any], None]) -> None:
        """Invoke SubmitPurge. `done` is told its answer; None if it failed, was killed or ran out of time."""
        self._invoke(submit_purge.handler, "SubmitPurge", event, SUBMIT_TIMEOUT, done)

    def check(self, purges: list[dict[str, Any]], **more: Any) -> Any:
        """Invoke CheckPurges as TrackPurges does, and wait: its answer, or None."""
        answers: list[Any] = []

        def done(_invocation: Invocation, answer: Any) -> None:
            answers.append(answer)

        event = {"purges": purges, **more}
        strand = self._invoke(check_purges.handler, "CheckPurges", event, CHECK_TIMEOUT, done)
        self._world.timeline.finish(strand)
        return answers[0]

    def _invoke(
        self, handler: Any, name: str, event: Any, seconds: float, done: Callable[[Invocation, Any], None]
    ) -> Strand:
        world = self._world
        environment = next((each for each in self._environments if not each.used), None) or self._new()
        environment.used = True
        invocation = Invocation(name, environment, world.now, world.now + seconds)
        self.count += 1
        context = SimpleNamespace(
            function_name=name,
            memory_limit_in_mb=512,
            invoked_function_arn=f"arn:aws:lambda:eu-central-1:123456789012:function:{name}",
            aws_request_id=f"request-{self.count}",
            get_remaining_time_in_millis=lambda: int((invocation.dies_at - world.now) * 1000),
        )

        def run() -> None:
            try:
                answer = handler(event, context)
            except Killed:
                answer = None
            except Exception as error:  # noqa: BLE001 - Lambda reports any error, and goes on
                world.note(f"{name} raised {type(error).__name__}: {error}")
                answer = None
            self.running.remove(invocation)
            environment.used = False
            if invocation.dead:
                world.note(f"{name} was killed")
                self._environments.remove(environment)
                answer = None
            world.books.ended(invocation, answer)
            done(invocation, answer)

        self.running.append(invocation)
        return world.timeline.start(invocation, run)

    def _new(self) -> Environment:
        world, settings, clients = self._world, self._settings, self._clients
        skew = world.schedule.clock_skews[self._made % len(world.schedule.clock_skews)]
        self._made += 1

        def clock() -> float:
            return world.now + skew

        outside = bootstrap.ports(settings, clients.__getitem__, clock, world.wire.wait)
        session = outside.imagekit._session
        under: Any = session.get_adapter("http://")
        session.mount("http://", Adapter(world, under))
        drain = bootstrap.drain(settings, outside, clock, world.wire.wait)
        queue = ChangeQueue(settings.change_queue_url, clients["sqs"])
        intake = Intake(settings, queue, outside.ledger, drain, clock)
        checker = Checker(outside.imagekit, outside.ledger, None, clock=clock)
        environment = Environment(intake, checker, outside.alerts, skew)
        self._environments.append(environment)
        return environment


def _settings(world: "World") -> Settings:
    setup = world.schedule.setup
    return Settings(
        url_map=UrlMap.parse(setup.url_map, setup.transformations.split()),
        ledger_table="ledger",
        secret_arn=world.aws.secret_arn,
        api_url=world.url,
        query_variants=setup.query_variants,
        skip_new_objects=setup.skip_new,
        monthly_quota=setup.quota,
        reserve_percent=setup.reserve_percent,
        max_hold_seconds=setup.max_hold,
        change_queue_url="https://sqs.eu-central-1.amazonaws.com/123456789012/changes",
        track_purges_arn=world.aws.machine_arn,
        alerts_topic_arn=world.aws.topic_arn,
    )
