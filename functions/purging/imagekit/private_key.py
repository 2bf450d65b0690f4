"""ImageKit's private key, which Secrets Manager keeps."""

import json
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote

from purging.errors import KeyRefused

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


class PrivateKey:
    """The key. It is read on first use, and kept until `read_again` is called."""

    def __init__(self, secret_arn: str, client: "SecretsManagerClient") -> None:
        self._arn = secret_arn
        self._client = client
        self._value = ""

    def value(self) -> str:
        """The key. Raises as `read_again` does."""
        return self._value or self.read_again()

    def read_again(self) -> str:
        """The key that Secrets Manager has now. Call it when ImageKit refuses the key in use.

        Raises KeyRefused if the secret holds no key, and one of AWS_ERRORS if it cannot be read.
        """
        text = self._client.get_secret_value(SecretId=self._arn).get("SecretString", "")
        key = _private_key(text)
        # HTTP cannot carry some texts, e.g. a key that was copied with a typographic quote.
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
    """The text with `***` instead of the key, because the answer of a server or a proxy may repeat the key.

    Four forms of the key are masked: the key itself, and the key as in HTTP Basic authentication, in percent
    encoding and in Python's `repr`.
    """
    # The longest form first: if a shorter one is its beginning, the rest would stay visible.
    forms = {key, b64encode(f"{key}:".encode()).decode().rstrip("="), quote(key, safe=""), repr(key)[1:-1]}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "***")
    return text


def _private_key(text: str) -> str:
    """The key of a secret: the field `private_key` of a JSON object, or else the bare text; perhaps empty."""
    try:
        fields = json.loads(text)
    except ValueError:
        return text.strip()
    if isinstance(fields, dict):
        key = fields.get("private_key", "")
        return key.strip() if isinstance(key, str) else ""
    return text.strip()
