"""Anthropic's messages, as far as a client that streams text can see (API reference: Messages, Streaming, Errors)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from .protocol import Asked, Content, Frames, event, text_of
from .reply import Reply, Turn

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_LISTED = {"created_at": "2025-01-01T00:00:00Z", "lifecycle": "active", "deprecated_at": None}
_THINKING = {"type": "thinking", "thinking": "", "signature": ""}
_encode = msgspec.json.encode


class _Message(Struct):
    role: Literal["user", "assistant"]
    content: Content


class _Request(Struct):
    model: str
    messages: Annotated[list[_Message], Meta(min_length=1)]
    max_tokens: Annotated[int, Meta(gt=0)]
    system: Content = None
    stream: bool = False
    cache_control: dict[str, Any] | None = None


class AnthropicProtocol:
    """POST /v1/messages and GET /v1/models."""

    def key(self, headers: Mapping[str, str]) -> str | None:
        """As `Speaks.key`: in the header of its own, or as a bearer token, as its client sends it since version 2."""
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        return headers.get("x-api-key") or (token if scheme.lower() == "bearer" else None)

    def read(self, body: bytes) -> Asked:
        """As `Speaks.read`."""
        request = msgspec.json.decode(body, type=_Request)
        turns = [Turn(each.role, text_of(each.content)) for each in request.messages]
        if request.system:
            turns.insert(0, Turn("system", text_of(request.system)))
        caching = request.cache_control is not None
        return Asked(request.model, tuple(turns), request.max_tokens, request.stream, usage=True, caching=caching)

    def frames(self, asked: Asked, reply: Reply, number: int, *, usage: bool, refused: bool) -> Frames:
        """As `Speaks.frames`."""

        def named(name: str, **fields: Any) -> bytes:
            return event(_encode({"type": name, **fields}), name.encode())

        message = {**_message(asked, number), "content": [], "stop_reason": None, "stop_sequence": None}
        message["usage"] = {**_input(reply), "output_tokens": 1}
        head = [named("message_start", message=message), named("ping")]
        pieces: list[bytes] = []
        for thought in reply.thoughts:
            start = named("content_block_start", index=0, content_block=_THINKING)
            delta = named("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": thought})
            pieces.append(delta if pieces else start + delta)
        index = 1 if pieces else 0
        text = named("content_block_start", index=index, content_block={"type": "text", "text": ""})
        if pieces:
            signed = named("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "local"})
            text = signed + named("content_block_stop", index=0) + text
        for piece in reply.pieces:
            delta = named("content_block_delta", index=index, delta={"type": "text_delta", "text": piece})
            pieces.append(text + delta)
            text = b""
        tail = [
            text + named("content_block_stop", index=index),
            named(
                "message_delta",
                delta={"stop_reason": _stop(reply, refused), "stop_sequence": None},
                usage={"output_tokens": reply.usage.output_tokens},
            ),
            named("message_stop"),
        ]
        return Frames(b"".join(head), pieces, b"".join(tail))

    def whole(self, asked: Asked, reply: Reply, number: int, *, refused: bool) -> bytes:
        """As `Speaks.whole`."""
        return _encode(
            {
                **_message(asked, number),
                "content": [{"type": "text", "text": "".join(reply.pieces)}],
                "stop_reason": _stop(reply, refused),
                "stop_sequence": None,
                "usage": {**_input(reply), "output_tokens": reply.usage.output_tokens},
            }
        )

    def error(self, status: int, message: str, code: str | None = None) -> bytes:
        """As `Speaks.error`."""
        kind = _TYPES.get(status, "api_error")
        return _encode({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_local"})

    def error_event(self, status: int, message: str) -> bytes:
        """As `Speaks.error_event`."""
        return event(self.error(status, message), b"error")

    def models(self, names: Sequence[str]) -> bytes:
        """As `Speaks.models`."""
        rows = [{"type": "model", "id": name, "display_name": name, **_LISTED} for name in names]
        return _encode({"data": rows, "has_more": False, "first_id": names[0], "last_id": names[-1]})


def _message(asked: Asked, number: int) -> dict[str, Any]:
    return {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": asked.model}


def _stop(reply: Reply, refused: bool) -> str:
    return "refusal" if refused else "max_tokens" if reply.stopped else "end_turn"


def _input(reply: Reply) -> dict[str, int]:
    """Its input_tokens are those that were neither read from the cache nor written to it."""
    usage = reply.usage
    return {
        "input_tokens": usage.input_tokens - usage.cached_tokens - usage.written_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "cache_creation_input_tokens": usage.written_tokens,
    }
