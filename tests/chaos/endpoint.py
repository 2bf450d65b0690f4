"""Where botocore would open a connection: its serialised call is answered with what it would have parsed.

A client keeps its serialisers, its error classes, and the loop that decides what is tried again and when.
Left out is HTTP itself, which is most of a call's time here, and nothing that the functions could see.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from botocore.endpoint import Endpoint
from botocore.exceptions import BotoCoreError

Call = dict[str, Any]
"""What botocore would send: `url`, `query_string`, `headers`, `body`, and others."""
Answer = tuple[int, dict[str, Any]]
"""HTTP status, and what botocore would make of the body."""


class Direct(Endpoint):
    """`answer` gets operation (as `dynamodb.Query`), its model and the call; it may raise what a connection
    raises."""

    def __init__(self, client: Any, answer: Callable[[str, Any, Call], Answer]) -> None:
        old = client._endpoint
        super().__init__(old.host, old._endpoint_prefix, old._event_emitter, http_session=old.http_session)
        self._answer = answer

    @classmethod
    def into(cls, client: Any, answer: Callable[[str, Any, Call], Answer]) -> None:
        """Let a client of boto3 call this instead of the network."""
        client._endpoint = cls(client, answer)

    def create_request(self, params: Call, _model: Any = None) -> Any:
        """Nothing to build, sign or rewind."""
        return SimpleNamespace(call=params, reset_stream=lambda: None)

    # Of botocore's loop, what one attempt came to: an answer and no exception, or the other way round.
    def _get_response(self, request: Any, operation_model: Any, _context: Any) -> Any:
        name = f"{operation_model.service_model.service_id.hyphenize()}.{operation_model.name}"
        try:
            status, parsed = self._answer(name, operation_model, request.call)
        except BotoCoreError as error:
            return None, error
        parsed = {"ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}}, **parsed}
        return (SimpleNamespace(status_code=status, headers={}), parsed), None
