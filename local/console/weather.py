"""Switches for bad weather: each makes ImageKit or AWS fail, until it is switched off again.

The emulated ImageKit and IAM themselves say which switches are on, so a new console sees those of an old one.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from botocore.exceptions import ClientError

from local.domain import Settings
from local.errors import BadInput
from local.observer import Observer
from local.stack import Stack

_TIMEOUT = 30.0  # seconds
_FOR_EVER = 10**9  # calls
_SLOW_SECONDS = 6.0
_RESET_SECONDS = 8.0

_DENY = "console-weather"
"""The name of the inline policy that makes AWS calls fail."""

_ROLES = ("SubmitPurgeRole", "CheckPurgesRole")


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch, what it is called and does, and the faults of the emulated ImageKit that it injects."""

    name: str
    title: str
    effect: str
    faults: tuple[Mapping[str, Any], ...] = ()

    def order(self) -> list[dict[str, Any]]:
        """Return the faults as `POST /_control/faults` takes them."""
        return [{**fault, "times": _FOR_EVER} for fault in self.faults]


SWITCHES = (
    Switch(
        "slow",
        "ImageKit is slow",
        f"Each purge and each status takes {_SLOW_SECONDS:g} seconds. Purges go on, slowly.",
        (
            {"api": "purge", "kind": "slow", "seconds": _SLOW_SECONDS},
            {"api": "status", "kind": "slow", "seconds": _SLOW_SECONDS},
        ),
    ),
    Switch(
        "throttling",
        "ImageKit throttles",
        f"Each purge gets a 429, with {_RESET_SECONDS:g} seconds until the reset. Changes stay pending.",
        ({"api": "purge", "kind": "429", "seconds": _RESET_SECONDS},),
    ),
    Switch(
        "key",
        "ImageKit refuses the key",
        "Each call gets a 403. Changes stay pending until the key is accepted again.",
        ({"api": "purge", "kind": "403"}, {"api": "status", "kind": "403"}),
    ),
    Switch(
        "quota",
        "ImageKit's quota is used up",
        "ImageKit accepts no further purge this month. Changes stay pending until there is quota again.",
    ),
    Switch(
        "aws",
        "AWS calls fail",
        "A policy denies the functions the ledger in DynamoDB. Changes stay in the queue, and come again.",
    ),
)


class Weather:
    """The switches of one stack. `settings` are those of the deployed function."""

    def __init__(self, stack: Stack, observer: Observer, settings: Settings) -> None:
        self._stack = stack
        self._observer = observer
        self._quota = settings.monthly_quota

    def on(self, imagekit: Mapping[str, Any]) -> set[str]:
        """Return the switches that are on. `imagekit` is the state of the emulated ImageKit."""
        kinds = {(fault["api"], fault["kind"]) for fault in imagekit["faults"]}
        found = {
            switch.name
            for switch in SWITCHES
            if switch.faults and all((fault["api"], fault["kind"]) in kinds for fault in switch.faults)
        }
        if imagekit["settings"]["quota"] <= imagekit["purgesUsed"]:
            found.add("quota")
        if self._denied():
            found.add("aws")
        return found

    def turn(self, name: str, *, on: bool) -> None:
        """Turn a switch. Raises BadInput for an unknown name.

        Off, the functions work again with the next tick. After ImageKit said that its quota is used up, they
        would try it once an hour. This ends that pause, so that nobody has to wait.
        """
        if name not in (switch.name for switch in SWITCHES):
            known = ", ".join(switch.name for switch in SWITCHES)
            raise BadInput(f"There is no switch {name!r}: use one of {known}.")
        if name == "aws":
            self._deny(on=on)
            return
        state = self._observer.imagekit()
        wanted = self.on(state) | {name} if on else self.on(state) - {name}
        if name == "quota":
            self._post("settings", {"quota": state["purgesUsed"] if on else self._quota})
        else:
            requests.delete(f"{self._stack.imagekit}/_control/faults", timeout=_TIMEOUT).raise_for_status()
            for switch in SWITCHES:
                for fault in switch.order() if switch.name in wanted else ():
                    self._post("faults", fault)
        if name == "quota" and not on:
            self._observer.ledger().resume(time.time())

    def clear(self) -> None:
        """Turn off all switches that are on."""
        for name in self.on(self._observer.imagekit()):
            self.turn(name, on=False)

    def _post(self, control: str, body: Mapping[str, Any]) -> None:
        requests.post(
            f"{self._stack.imagekit}/_control/{control}", json=body, timeout=_TIMEOUT
        ).raise_for_status()

    def _deny(self, *, on: bool) -> None:
        statement = {"Effect": "Deny", "Action": "dynamodb:*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        for role in self._roles():
            if on:
                self._stack.iam.put_role_policy(RoleName=role, PolicyName=_DENY, PolicyDocument=policy)
            else:
                self._stack.iam.delete_role_policy(RoleName=role, PolicyName=_DENY)

    def _denied(self) -> bool:
        try:
            self._stack.iam.get_role_policy(RoleName=self._roles()[0], PolicyName=_DENY)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchEntity":
                return False
            raise
        return True

    def _roles(self) -> list[str]:
        found = []
        for role in _ROLES:
            resource = self._stack.cloudformation.describe_stack_resource(
                StackName=self._stack.name, LogicalResourceId=role
            )
            found.append(resource["StackResourceDetail"]["PhysicalResourceId"])
        return found
