"""AWS clients are made when they are first used, once."""

import botocore.session
import pytest
from botocore.exceptions import DataNotFoundError
from botocore.loaders import Loader

from purging.aws import clients


def test_a_client_is_made_when_it_is_first_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that never uses a service never makes its client."""
    made = []
    create = botocore.session.Session.create_client

    def client(session: botocore.session.Session, service: str, **options: object) -> object:
        made.append(service)
        return create(session, service, region_name="eu-west-1", **options)

    monkeypatch.setattr(botocore.session.Session, "create_client", client)
    used, _unused = clients.aws("sqs"), clients.aws("sns")
    assert made == []
    assert used.meta.service_model.service_name == "sqs"
    assert used.exceptions.QueueDoesNotExist
    assert made == ["sqs"]


def test_a_botocore_without_a_known_file_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lambda updates botocore by itself: a function must start with any version."""

    def missing(_loader: Loader, name: str) -> None:
        raise DataNotFoundError(data_path=name)

    monkeypatch.setattr(Loader, "load_data", missing)
    clients.read_description("dynamodb")
