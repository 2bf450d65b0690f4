"""Both Lambda functions: their execution environments and their invocations."""

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
from purging.checking.status import Checker
from purging.intake import Intake
from purging.settings import Settings
from purging.urls import UrlMap
from tests.chaos.adapter import Adapter
from tests.chaos.endpoint import SimulatedEndpoint
from tests.chaos.fault_injector import Killed
from tests.chaos.timeline import Task

if TYPE_CHECKING:
    from tests.chaos.simulation import Simulation

# template.yaml's Timeout of each function, in seconds.
SUBMIT_TIMEOUT, CHECK_TIMEOUT = 120.0, 60.0
_CONFIG = Config(signature_version=UNSIGNED, parameter_validation=False)
_SERVICES = ("dynamodb", "s3", "secretsmanager", "stepfunctions", "sns", "sqs")


@dataclass(eq=False, slots=True)
class Environment:
    """A process that Lambda keeps for further invocations. Its clock is off by `skew` seconds."""

    app: Intake
    checker: Checker
    alerts: Alerts
    skew: float
    used: bool = False


@dataclass(slots=True)
class Invocation:
    """One run of a handler. `dies_at` is in unix seconds. After `dead`, it makes no more calls.

    `failed_services` failed at least once. `killed_by_fault` is false if it ran into its time-out by itself.
    `lost_lease`: the lease was taken away while it ran. `accepted` are the request ids of its purges.
    """

    name: str
    environment: Environment
    began: float
    dies_at: float
    dead: bool = False
    killed_by_fault: bool = False
    lost_lease: bool = False
    failed_services: set[str] = field(default_factory=set)
    accepted: list[str] = field(default_factory=list)


class Functions:
    """Invokes the real handlers, each in a task of its own. `running` are the running invocations."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self.running: list[Invocation] = []
        self.count = 0
        self._environments: list[Environment] = []
        self._made = 0
        self._clients = {name: boto3.client(name, config=AWS_CLIENT.merge(_CONFIG)) for name in _SERVICES}
        for client in self._clients.values():
            # The user agent is not needed here, nor a search for the endpoint at every call. Both, like
            # signatures and validation, cost more time than the call itself.
            client._user_agent_creator.to_string = str
            client._ruleset_resolver = None
            SimulatedEndpoint.install(client, simulation.fault_injector.call_aws)
        self._settings = _settings(simulation)

    def submit(self, event: Any, done: Callable[[Invocation, Any], None]) -> None:
        """Invokes SubmitPurge. `done` gets the answer, or None if it failed or was killed."""
        self._invoke(submit_purge.handler, "SubmitPurge", event, SUBMIT_TIMEOUT, done)

    def check(self, purges: list[dict[str, Any]], **more: Any) -> Any:
        """Invokes CheckPurges as TrackPurges does, waits, and returns its answer or None."""
        answers: list[Any] = []

        def done(_invocation: Invocation, answer: Any) -> None:
            answers.append(answer)

        event = {"purges": purges, **more}
        task = self._invoke(check_purges.handler, "CheckPurges", event, CHECK_TIMEOUT, done)
        self._simulation.timeline.finish(task)
        return answers[0]

    def _invoke(
        self, handler: Any, name: str, event: Any, seconds: float, done: Callable[[Invocation, Any], None]
    ) -> Task:
        simulation = self._simulation
        environment = next((each for each in self._environments if not each.used), None) or self._new()
        environment.used = True
        invocation = Invocation(name, environment, simulation.now, simulation.now + seconds)
        self.count += 1
        context = SimpleNamespace(
            function_name=name,
            memory_limit_in_mb=512,
            invoked_function_arn=f"arn:aws:lambda:eu-central-1:123456789012:function:{name}",
            aws_request_id=f"request-{self.count}",
            get_remaining_time_in_millis=lambda: int((invocation.dies_at - simulation.now) * 1000),
        )

        def run() -> None:
            try:
                answer = handler(event, context)
            except Killed:
                answer = None
            except Exception as error:  # noqa: BLE001 - Lambda reports any error, and goes on
                simulation.note(f"{name} raised {type(error).__name__}: {error}")
                answer = None
            self.running.remove(invocation)
            environment.used = False
            if invocation.dead:
                simulation.note(f"{name} was killed")
                self._environments.remove(environment)
                answer = None
            simulation.audit_log.record_end(invocation, answer)
            done(invocation, answer)

        self.running.append(invocation)
        return simulation.timeline.start(invocation, run)

    def _new(self) -> Environment:
        simulation, settings, clients = self._simulation, self._settings, self._clients
        skew = simulation.schedule.clock_skews[self._made % len(simulation.schedule.clock_skews)]
        self._made += 1

        def clock() -> float:
            return simulation.now + skew

        outside = bootstrap.ports(settings, clients.__getitem__, clock, simulation.fault_injector.wait)
        session = outside.imagekit._session
        under: Any = session.get_adapter("http://")
        session.mount("http://", Adapter(simulation, under))
        drain = bootstrap.drain(settings, outside, clock, simulation.fault_injector.wait)
        queue = ChangeQueue(settings.change_queue_url, clients["sqs"])
        intake = Intake(settings, queue, outside.ledger, drain, clock)
        checker = Checker(outside.imagekit, outside.ledger, None, clock=clock)
        environment = Environment(intake, checker, outside.alerts, skew)
        self._environments.append(environment)
        return environment


def _settings(simulation: "Simulation") -> Settings:
    setup = simulation.schedule.setup
    return Settings(
        url_map=UrlMap.parse(
            setup.url_map,
            setup.transformations.split(),
            seo=setup.seo,
            dependent="*{}={}".format(*setup.dependent) if setup.dependent else "",
        ),
        ledger_table="ledger",
        secret_arn=simulation.aws.secret_arn,
        api_url=simulation.url,
        query_variants=setup.query_variants,
        skip_new_objects=setup.skip_new,
        monthly_quota=setup.quota,
        reserve_percent=setup.reserve_percent,
        max_hold_seconds=setup.max_hold,
        change_queue_url="https://sqs.eu-central-1.amazonaws.com/123456789012/changes",
        track_purges_arn=simulation.aws.machine_arn,
        alerts_topic_arn=simulation.aws.topic_arn,
    )
