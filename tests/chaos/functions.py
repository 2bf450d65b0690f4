"""Both Lambda functions: their environments, warm or new, and their invocations."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config

import check_purges
import submit_purge
from purging.alerts import Alerts
from purging.checking import Checker
from purging.drain import Drain
from purging.imagekit import ImageKit
from purging.inventory import Inventory, S3Lister
from purging.ledger import Ledger
from purging.plan import Planner
from purging.queue import ChangeQueue
from purging.secret import PrivateKey
from purging.settings import AWS_CLIENT, Settings
from purging.tracking import Tracker
from purging.urls import UrlMap
from tests.chaos.endpoint import Direct
from tests.chaos.queue import SqsClient
from tests.chaos.wire import Adapter, Killed

if TYPE_CHECKING:
    from tests.chaos.world import World

# Seconds: template.yaml's Timeout of each function.
SUBMIT_TIMEOUT, CHECK_TIMEOUT = 120.0, 60.0
_BARE = Config(signature_version=UNSIGNED, parameter_validation=False)


@dataclass(eq=False, slots=True)
class Environment:
    """A process that Lambda keeps for the next invocation, with a clock that is off by `skew` seconds."""

    app: submit_purge.Application
    checker: Checker
    skew: float
    used: bool = False


@dataclass(slots=True)
class Invocation:
    """One run of a handler. `dies_at` in unix seconds; `dead` ones make no call any more; nothing fails on
    purpose in `calm` ones."""

    environment: Environment
    dies_at: float
    calm: bool
    dead: bool = False


class Functions:
    """Invokes the real handlers. `running` has the invocations under way, the innermost last."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.running: list[Invocation] = []
        self.count = 0
        self._environments: list[Environment] = []
        self._made = 0
        self._clients = {
            name: boto3.client(name, config=AWS_CLIENT.merge(_BARE))
            for name in ("dynamodb", "s3", "secretsmanager", "stepfunctions", "sns")
        }
        for client in self._clients.values():
            # Nobody reads the user agent here, and the same endpoint need not be looked for at every call:
            # this, like signatures and validation, costs more than the call itself.
            client._user_agent_creator.to_string = str
            client._ruleset_resolver = None
            Direct.into(client, world.wire.call_aws)
        self._settings = _settings(world)

    def submit(self, event: Any, *, calm: bool = False) -> Any:
        """Invoke SubmitPurge: its answer, or None if it failed, was killed or ran out of time."""
        return self._invoke(submit_purge.handler, "SubmitPurge", event, SUBMIT_TIMEOUT, calm=calm)

    def check(self, purges: list[dict[str, Any]], *, calm: bool = False) -> Any:
        """Invoke CheckPurges as TrackPurges does: its answer, or None."""
        event = {"purges": purges}
        return self._invoke(check_purges.handler, "CheckPurges", event, CHECK_TIMEOUT, calm=calm)

    def _invoke(self, handler: Any, name: str, event: Any, seconds: float, *, calm: bool) -> Any:
        world = self._world
        environment = next((each for each in self._environments if not each.used), None) or self._new()
        environment.used = True
        invocation = Invocation(environment, world.now + seconds, calm)
        self.count += 1
        context = SimpleNamespace(
            function_name=name,
            memory_limit_in_mb=512,
            invoked_function_arn=f"arn:aws:lambda:eu-central-1:123456789012:function:{name}",
            aws_request_id=f"request-{self.count}",
            get_remaining_time_in_millis=lambda: int((invocation.dies_at - world.now) * 1000),
        )
        self.running.append(invocation)
        try:
            answer = handler(event, context)
        except Killed:
            answer = None
        except Exception as error:  # noqa: BLE001 - Lambda reports any error, and goes on
            world.note(f"{name} raised {type(error).__name__}: {error}")
            answer = None
        finally:
            self.running.pop()
            environment.used = False
        if invocation.dead:
            world.note(f"{name} was killed")
            self._environments.remove(environment)
            return None
        return answer

    def _new(self) -> Environment:
        world, settings, clients = self._world, self._settings, self._clients
        skew = world.schedule.clock_skews[self._made % len(world.schedule.clock_skews)]
        self._made += 1

        def clock() -> float:
            return world.now + skew

        ledger = Ledger(settings.ledger_table, clients["dynamodb"])
        key = PrivateKey(settings.secret_arn, clients["secretsmanager"])
        imagekit = ImageKit(settings.api_url, key)
        imagekit._session.mount("http://", Adapter(world))
        drain = Drain(
            settings,
            ledger=ledger,
            planner=Planner(settings, Inventory(S3Lister(clients["s3"]))),
            imagekit=imagekit,
            tracker=Tracker(settings.track_purges_arn, clients["stepfunctions"]),
            alerts=Alerts(settings.alerts_topic_arn, clients["sns"], ledger, clock),
            clock=clock,
            sleep=world.advance,
        )
        sqs: Any = SqsClient(world.queue, lambda: world.now, world.wire.cross)
        app = submit_purge.Application(settings, ChangeQueue("changes", sqs), ledger, drain, clock)
        environment = Environment(app, Checker(imagekit, ledger, None, clock=clock), skew)
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
        track_purges_arn=world.aws.machine_arn,
        alerts_topic_arn=world.aws.topic_arn,
    )
