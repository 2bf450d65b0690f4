"""What to do about an error of AWS: which permission is missing, or what to look at."""

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedAccess", "403"}
_CREDENTIALS = {
    "ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidClientTokenId",
    "SignatureDoesNotMatch", "UnrecognizedClientException",
}  # fmt: skip
_NO_CREDENTIALS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.TokenRetrievalError,
    exceptions.UnauthorizedSSOTokenError,
    exceptions.SSOTokenLoadError,
    exceptions.ProfileNotFound,
)


def told(error: ClientError) -> str:
    """The operation, the code and the words of an answer of AWS."""
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    return f"{error.operation_name} answered {code}: {message}"


def remedy(error: ClientError | BotoCoreError, permission: str, otherwise: str) -> str:
    """What to do about an error, as a clause that begins in lower case. `permission` is what the call needs,
    such as `lambda:InvokeFunction on my-function`. `otherwise` is for errors of the call's own."""
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        if code in _DENIED:
            return f"it needs the permission {permission}"
        return "renew your credentials, or name others with --profile" if code in _CREDENTIALS else otherwise
    if isinstance(error, _NO_CREDENTIALS):
        return "log in, or name credentials with --profile"
    if isinstance(error, exceptions.NoRegionError):
        return "name the region with --region"
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return "check the network, the region, and AWS_ENDPOINT_URL if it is set"
    return otherwise


def stack_remedy(error: ClientError | BotoCoreError) -> str:
    """What to do if a stack could not be described, as a clause that begins in lower case."""
    return remedy(
        error,
        "cloudformation:DescribeStacks on it",
        "name the stack with --stack-name, and its region with --region",
    )


def sentence(clause: str) -> str:
    """A clause as a sentence."""
    return f"{clause[0].upper()}{clause[1:]}."
