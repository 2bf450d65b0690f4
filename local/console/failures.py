"""What a stack fails with, and how the page says so."""

import re

import requests
from botocore.exceptions import BotoCoreError, ClientError

from local.errors import LocalError

ERRORS = (BotoCoreError, ClientError, requests.RequestException, LocalError)

# arn:partition:service:region:account:resource, of which the last part names it for people:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
_ARN = re.compile(r"arn:aws[a-z-]*:[^\s:]+:[^\s:]*:[^\s:]*:(?:[^\s/:]+[/:])*([\w.*@+=-]*[\w*])")


def in_words(error: Exception) -> str:
    """Return the message of an error, with names instead of ARNs."""
    return _ARN.sub(r"\1", str(error))
