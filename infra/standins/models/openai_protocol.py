"""OpenAI's chat completions, as far as a client that streams text can see (API reference: Chat, Models, Errors)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from .protocol import Asked, Content, Frames, event, text_of
from .reply import Reply, Turn

_CREATED = 1_700_000_000  # when is nobody's business here, and the same answer has the same bytes
_TYPES = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    403: "invalid_request_error",
    404: "invalid_request_error",
    429: "requests",
}
_encode = msgspec.json.encode


class _Message(Struct):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Content = None


class _StreamOptions(Struct):
    include_usage: bool = False


class _Request(Struct):
    model: str
    messages: Annotated[list[_Message], Meta(min_length=1)]
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    stream: bool = False
    stream_options: _StreamOptions | None = None


class OpenAIProtocol:
    """POST /v1/chat/completions and GET /v1/models."""

    def key(self, headers: Mapping[str, str]) -> str | None:
        """As `Speaks.key`."""
        scheme, _, key = headers.get("Authorization", "").partition(" ")
        return key if scheme.lower() == "bearer" else None

    def read(self, body: bytes) -> Asked:
        """As `Speaks.read`."""
        request = msgspec.json.decode(body, type=_Request)
        return Asked(
            request.model,
            tuple(Turn(each.role, text_of(each.content)) for each in request.messages),
            request.max_completion_tokens or request.max_tokens,
            request.stream,
            request.stream_options is not None and request.stream_options.include_usage,
            caching=True,
        )

    def frames(self, asked: Asked, reply: Reply, number: int, *, usage: bool, refused: bool) -> Frames:
        """As `Speaks.frames`."""
        base = {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion.chunk",
            "created": _CREATED,
            "model": asked.model,
            "system_fingerprint": "fp_local",
        }
        nothing_yet = {"usage": None} if usage else {}

        def chunk(delta: dict[str, Any], finish: str | None) -> bytes:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
            return event(_encode({**base, "choices": [choice], **nothing_yet}))

        tail = [chunk({}, _finish(reply, refused))]
        if usage:
            tail.append(event(_encode({**base, "choices": [], "usage": _usage(reply)})))
        tail.append(event(b"[DONE]"))
        return Frames(
            chunk({"role": "assistant", "content": "", "refusal": None}, None),
            [
                *(chunk({"reasoning_content": thought}, None) for thought in reply.thoughts),
                *(chunk({"content": piece}, None) for piece in reply.pieces),
            ],
            b"".join(tail),
        )

    def whole(self, asked: Asked, reply: Reply, number: int, *, refused: bool) -> bytes:
        """As `Speaks.whole`."""
        message = {"role": "assistant", "content": "".join(reply.pieces), "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(reply, refused)}
        return _encode(
            {
                "id": f"chatcmpl-{number}",
                "object": "chat.completion",
                "created": _CREATED,
                "model": asked.model,
                "choices": [choice],
                "usage": _usage(reply),
            }
        )

    def error(self, status: int, message: str, code: str | None = None) -> bytes:
        """As `Speaks.error`."""
        kind = _TYPES.get(status, "server_error")
        return _encode({"error": {"message": message, "type": kind, "param": None, "code": code}})

    def error_event(self, status: int, message: str) -> bytes:
        """As `Speaks.error_event`."""
        return event(self.error(status, message))

    def models(self, names: Sequence[str]) -> bytes:
        """As `Speaks.models`."""
        rows = [{"id": name, "object": "model", "created": _CREATED, "owned_by": "recorded"} for name in names]
        return _encode({"object": "list", "data": rows})


def _finish(reply: Reply, refused: bool) -> str:
    return "content_filter" if refused else "length" if reply.stopped else "stop"


def _usage(reply: Reply) -> dict[str, Any]:
    usage = reply.usage
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.written_tokens,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
