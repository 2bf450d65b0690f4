"""How the functions talk to AWS."""

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

AWS_ERRORS = (ClientError, BotoCoreError)
"""What a call to AWS raises: refused or throttled, or no answer at all. The SDK has tried again by then."""

_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS, _BACKOFF_SECONDS = 1.5, 3.0, 2, 1.0

AWS_CLIENT = Config(
    retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
    connect_timeout=_CONNECT_SECONDS,
    read_timeout=_READ_SECONDS,
)
"""How the functions talk to AWS. The next tick is never far: nothing is gained by patience here."""

AWS_CALL_SECONDS = _ATTEMPTS * (_CONNECT_SECONDS + _READ_SECONDS) + _BACKOFF_SECONDS
"""How long a call to AWS takes at most, if nothing answers."""
