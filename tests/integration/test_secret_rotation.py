"""The private key is rotated while changes arrive: no change is lost, and each drain has one refused call."""

import boto3

from tests.integration.harness import ENDPOINT, Harness

NEW = "private_9876543210"


def _rotate_at_imagekit(harness: Harness) -> None:
    harness.set_emulator(private_key=NEW)


def _rotate_in_the_secret(harness: Harness) -> None:
    boto3.client("secretsmanager").put_secret_value(SecretId=harness.settings.secret_arn, SecretString=NEW)


def _refused(harness: Harness) -> int:
    return harness.emulator.state.calls.get("purge", {}).get("wrong-key", 0)


def test_a_key_rotated_under_traffic_costs_one_refused_call(harness: Harness) -> None:
    """The drain has the old key in memory, reads the new one and goes on."""
    drain = harness.new_drain()
    wanted = []
    for number in range(8):
        if number == 4:
            _rotate_in_the_secret(harness)
            _rotate_at_imagekit(harness)
        keys = [f"flow/{number:02}/{name}.jpg" for name in "abc"]
        wanted += [f"{ENDPOINT}/{key}*" for key in keys]
        harness.ledger.add([harness.change(key, ago=60) for key in keys])
        report = drain.run(f"drain-{number}", lambda: 120.0)
        assert report.reason == ""
        assert _refused(harness) == (number >= 4)
    assert sorted(harness.purged) == sorted(wanted)
    assert harness.ledger.state("2030-05").used == len(wanted)


def test_changes_between_the_two_rotations_are_held(harness: Harness) -> None:
    """ImageKit has the new key minutes before the secret. Each drain tries one call and holds the rest."""
    drain = harness.new_drain()
    wanted = []
    for number in range(7):
        if number == 2:
            _rotate_at_imagekit(harness)
        if number == 5:
            _rotate_in_the_secret(harness)
        key = f"flow/{number:02}.jpg"
        wanted.append(f"{ENDPOINT}/{key}*")
        harness.ledger.add([harness.change(key, ago=60)])
        before = _refused(harness)
        report = drain.run(f"drain-{number}", lambda: 120.0)
        assert report.reason == ("key refused" if 2 <= number < 5 else "")
        assert _refused(harness) - before <= 1
    assert sorted(harness.purged) == sorted(wanted)
    assert harness.ledger.pending() == []
    assert harness.ledger.state("2030-05").used == len(wanted)
