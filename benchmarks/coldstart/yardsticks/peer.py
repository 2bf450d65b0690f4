"""A purging handler as it is often written: client and session are made at import, and a call is a purge."""

import os
from typing import Any

import boto3
import requests

secrets = boto3.client("secretsmanager")
session = requests.Session()


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Read the key, and purge the URL of the event. Returns ImageKit's answer."""
    key = secrets.get_secret_value(SecretId=os.environ["IMAGEKIT_SECRET_ARN"])["SecretString"]
    answer = session.post(
        f"{os.environ['IMAGEKIT_API_URL']}/v1/files/purge",
        json={"url": event["url"]},
        auth=(key, ""),
        timeout=10,
    )
    answer.raise_for_status()
    return dict(answer.json())
