"""Which calls of the API get in: those with a key that may make them, within the rate limit."""

import base64
import binascii
import hmac

from local.imagekit import refusals
from local.imagekit.answers import Answer
from local.imagekit.rate_limit import TokenBucket
from local.imagekit.settings import Settings


def refusal(
    authorization: str | None, settings: Settings, bucket: TokenBucket, now: float, *, account: bool = False
) -> Answer | None:
    """Take a token for a call with a key that may make it. Returns the answer if the call is refused.

    The restricted key has only "Media access", which purges and asks for their status
    (https://imagekit.io/docs/api-keys). `account` is a call that this access does not include.
    """
    key = _key_in(authorization)
    if not key:
        return refusals.NO_KEY
    full = hmac.compare_digest(key, settings.private_key.encode())
    restricted = bool(settings.restricted_key) and hmac.compare_digest(key, settings.restricted_key.encode())
    if not full and not restricted:
        return refusals.WRONG_KEY
    if account and not full:
        return refusals.NOT_PERMITTED
    wait = bucket.take(now)
    return refusals.rate_limited(wait, bucket.rate) if wait else None


def _key_in(authorization: str | None) -> bytes | None:
    """Returns the user name of HTTP Basic, which is the private key. The password is ignored."""
    scheme, _, credentials = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(credentials.strip(), validate=True).partition(b":")[0]
    except (binascii.Error, ValueError):
        return None
