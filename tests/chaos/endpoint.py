"""A botocore endpoint that answers calls itself, where botocore would open a connection.

The client still serialises the call, raises the errors, and decides what it retries and when. Only HTTP is
left out: it takes most of the time of a call here, and the functions cannot see it.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from botocore.endpoint import Endpoint
from botocore.exceptions import BotoCoreError

Call = dict[str, Any]
"""What botocore would send: `url`, `query_string`, `headers`, `body` and other fields."""
Answer = tuple[int, dict[str, Any]]
"""The HTTP status, and the body as botocore would parse it."""


class SimulatedEndpoint(Endpoint):
    """`answer` gets the operation, as in `dynamodb.Query`, its model and the call.

    It may raise the errors of a connection.
    """

    def __init__(self, client: Any, answer: Callable[[str, Any, Call], Answer]) -> None:
        old = client._endpoint
        super().__init__(old.host, old._endpoint_prefix, old._event_emitter, http_session=old.http_session)
        self._answer = answer

    @classmethod
    def install(cls, client: Any, answer: Callable[[str, Any, Call], Answer]) -> None:
        """Makes a client of boto3 call this endpoint instead of the network."""
        client._endpoint = cls(client, answer)

    def create_request(self, params: Call, _model: Any = None) -> Any:
        """Returns a request that is not built or signed."""
        return SimpleNamespace(call=params, reset_stream=lambda: None)

    # Returns to botocore's retry loop the result of one attempt: an answer or an exception, and None.
    def _get_response(self, request: Any, operation_model: Any, _context: Any) -> Any:
        name = f"{operation_model.service_model.service_id.hyphenize()}.{operation_model.name}"
        try:
            status, parsed = self._answer(name, operation_model, request.call)
        except BotoCoreError as error:
            return None, error
        parsed = {"ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}}, **parsed}
        return (SimpleNamespace(status_code=status, headers={}), parsed), None
