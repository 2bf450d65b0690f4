"""Puts together what SubmitPurge works with. `checking/bootstrap.py` does so for CheckPurges, and
`answers/bootstrap.py` for questions.

No other module makes an AWS client, or chooses which objects work together.
"""

from collections.abc import Callable
from dataclasses import dataclass

from purging.aws.alerts import Alerts
from purging.aws.change_queue import ChangeQueue
from purging.aws.clients import Clients
from purging.aws.listing import S3Lister
from purging.aws.survey import Lister
from purging.aws.surveyor import Surveyor
from purging.aws.tracking import Tracker
from purging.draining.drain import Drain
from purging.draining.recorder import Recorder
from purging.draining.reporting import Reporter
from purging.draining.submission import Submitter
from purging.imagekit.client import ImageKit
from purging.imagekit.private_key import PrivateKey
from purging.intake import Intake
from purging.ledger.store import Ledger
from purging.planning.planner import Planner
from purging.settings import Settings

Clock = Callable[[], float]
"""Gives unix seconds."""
Sleep = Callable[[float], None]
"""Waits seconds."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What a drain reaches outside of the process. A simulation replaces some of it by fakes."""

    ledger: Ledger
    lister: Lister
    imagekit: ImageKit
    tracker: Tracker
    alerts: Alerts


def ports(settings: Settings, clients: Clients, clock: Clock, sleep: Sleep) -> Ports:
    """Return what a drain reaches in AWS and at ImageKit."""
    ledger = Ledger(settings.ledger_table, clients("dynamodb"), sleep=sleep)
    return Ports(
        ledger,
        S3Lister(clients("s3")),
        ImageKit(settings.api_url, PrivateKey(settings.secret_arn, clients("secretsmanager"))),
        Tracker(settings.track_purges_arn, clients("stepfunctions")),
        Alerts(settings.alerts_topic_arn, clients("sns"), ledger, clock),
    )


def drain(settings: Settings, outside: Ports, clock: Clock, sleep: Sleep) -> Drain:
    """Return a drain that works with these ports."""
    recorder = Recorder(outside.ledger, outside.tracker)
    return Drain(
        settings,
        outside.ledger,
        Planner(settings),
        Surveyor(outside.lister),
        Submitter(settings, outside.ledger, outside.imagekit, recorder, clock, sleep),
        recorder,
        Reporter(settings, outside.alerts, clock),
        clock,
        sleep,
    )


def intake(settings: Settings, clients: Clients, clock: Clock, sleep: Sleep) -> Intake:
    """Return what SubmitPurge works with."""
    outside = ports(settings, clients, clock, sleep)
    queue = ChangeQueue(settings.change_queue_url, clients("sqs"))
    return Intake(settings, queue, outside.ledger, drain(settings, outside, clock, sleep), clock)
