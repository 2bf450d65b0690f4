"""The private key changes while changes flow: none is lost, and at most one call a drain is refused."""

import boto3

from tests.integration.world import ENDPOINT, World

NEW = "private_9876543210"


def _rotate_at_imagekit(w: World) -> None:
    w.set_emulator(private_key=NEW)


def _rotate_in_the_secret(w: World) -> None:
    boto3.client("secretsmanager").put_secret_value(SecretId=w.settings.secret_arn, SecretString=NEW)


def _refused(w: World) -> int:
    return w.emulator.state.calls.get("purge", {}).get("wrong-key", 0)


def test_a_key_rotated_under_traffic_costs_one_refused_call(w: World) -> None:
    """The drainer, alive all the while with the old key in memory, reads the new one and goes on."""
    drainer = w.drainer()
    wanted = []
    for number in range(8):
        if number == 4:
            _rotate_in_the_secret(w)
            _rotate_at_imagekit(w)
        keys = [f"flow/{number:02}/{name}.jpg" for name in "abc"]
        wanted += [f"{ENDPOINT}/{key}*" for key in keys]
        w.ledger.add([w.change(key, ago=60) for key in keys])
        report = drainer.run(f"drain-{number}", lambda: 120.0)
        assert report.reason == ""
        assert _refused(w) == (number >= 4)
    assert sorted(w.purged) == sorted(wanted)
    assert w.ledger.state("2030-05").used == len(wanted)


def test_changes_between_the_two_rotations_wait_for_the_second(w: World) -> None:
    """ImageKit first, the secret minutes later: each drain in between tries one call, and holds the rest."""
    drainer = w.drainer()
    wanted = []
    for number in range(7):
        if number == 2:
            _rotate_at_imagekit(w)
        if number == 5:
            _rotate_in_the_secret(w)
        key = f"flow/{number:02}.jpg"
        wanted.append(f"{ENDPOINT}/{key}*")
        w.ledger.add([w.change(key, ago=60)])
        before = _refused(w)
        report = drainer.run(f"drain-{number}", lambda: 120.0)
        assert report.reason == ("key refused" if 2 <= number < 5 else "")
        assert _refused(w) - before <= 1
    assert sorted(w.purged) == sorted(wanted)
    assert w.ledger.pending() == []
    assert w.ledger.state("2030-05").used == len(wanted)
