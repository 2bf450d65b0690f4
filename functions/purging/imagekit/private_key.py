"""ImageKit's private key, kept in Secrets Manager."""

import json
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote

from purging.errors import KeyRefused

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


class PrivateKey:
    """The key, read on first use and kept until someone asks to read it again."""

    def __init__(self, secret_arn: str, client: "SecretsManagerClient") -> None:
        self._arn = secret_arn
        self._client = client
        self._value = ""

    def value(self) -> str:
        """The key; raises KeyRefused if the secret holds none yet."""
        return self._value or self.read_again()

    def read_again(self) -> str:
        """The key as Secrets Manager has it now, for when ImageKit refuses the one in use."""
        text = self._client.get_secret_value(SecretId=self._arn).get("SecretString", "")
        key = _private_key(text)
        # What HTTP could not carry, such as a typographic quote that was pasted along, is no key either.
        self._value = key if key.isascii() and key.isprintable() else ""
        if not self._value:
            raise KeyRefused(
                f'secret {self._arn} holds no private key: put {{"private_key": "..."}} or the bare key '
                "there (aws secretsmanager put-secret-value); changes are kept until then"
            )
        return self._value

    def __repr__(self) -> str:
        return f"PrivateKey({self._arn!r})"


def masked(text: str, key: str) -> str:
    """A text without the key: what a server, or a proxy before it, answers may repeat what it was sent.

    That is the key as it is, as HTTP Basic carries it, percent-encoded, or quoted by Python's `repr`.
    """
    # One key may be the beginning of another form of it: not even the rest of that is to be seen.
    forms = {key, b64encode(f"{key}:".encode()).decode().rstrip("="), quote(key, safe=""), repr(key)[1:-1]}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "***")
    return text


def _private_key(text: str) -> str:
    try:
        fields = json.loads(text)
    except ValueError:
        return text.strip()
    if isinstance(fields, dict):
        key = fields.get("private_key", "")
        return key.strip() if isinstance(key, str) else ""
    return text.strip()
