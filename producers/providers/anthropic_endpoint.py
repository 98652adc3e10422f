"""The messages protocol, through Anthropic's own client."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx2
from anthropic import (
    AnthropicError,
    APIConnectionError,
    APIStatusError,
    AsyncAnthropic,
    AsyncStream,
    DefaultAioHttpClient,
)

from .answer import Message, Request, Usage
from .catalogue import Model, Provider
from .endpoint import Ending, Said, Thought
from .estimate import output_limit
from .failure import broken_off, of_status, retry_after, unreachable

#: Errors within a stream have the status of the stream, 200; these are theirs (Anthropic's documentation, Errors).
_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}


class AnthropicEndpoint:
    """A provider that speaks Anthropic's protocol."""

    def __init__(self, provider: Provider, key: str | None) -> None:
        self._client = AsyncAnthropic(
            api_key=key or "none",
            base_url=provider.base_url,
            max_retries=0,  # ours know of Retry-After, breakers and the other models
            default_headers=provider.headers,
            http_client=DefaultAioHttpClient(),
        )

    async def ask(self, model: Model, request: Request) -> AsyncIterator[Said]:
        """As `Endpoint.ask`; through the client's `post`, as in `openai_endpoint`."""
        system = "\n\n".join(each.content for each in request.messages if each.role == "system" and each.content)
        body = {
            "model": model.model,
            "messages": [_message(each) for each in request.messages if each.role != "system" and _says(each)],
            "max_tokens": output_limit(model, request),
            "stream": True,
            **({"system": system} if system else {}),
            **model.extra,
        }
        async with _failures():
            stream = await self._client.post(
                "/v1/messages",
                cast_to=object,
                body=body,
                options={"timeout": httpx2.Timeout(None, connect=model.limits.connect_s)},  # who asks times the rest
                stream=True,
                stream_cls=AsyncStream[object],
            )
        async with _failures(begun=True), stream:
            used = _Used()
            while (event := await anext(stream, None)) is not None:
                for said in _said(event, used):
                    yield said

    async def check(self) -> frozenset[str]:
        """As `Endpoint.check`: the list of models."""
        async with _failures():
            page = await self._client.models.list(limit=1000, timeout=10.0)
        return frozenset(each.id for each in page.data)

    async def close(self) -> None:
        """As `Endpoint.close`."""
        await self._client.close()


class _Used:
    """The counts of message_start and message_delta are cumulative; a later one may leave some out."""

    def __init__(self) -> None:
        self._counts = {
            "input_tokens": 0,
            "output_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation_input_tokens": 0,
        }

    def reported(self, usage: Mapping[str, Any]) -> Usage:
        for name in self._counts:
            count = usage.get(name)
            if count is not None:
                self._counts[name] = count
        plain, output, read, written = self._counts.values()
        return Usage(plain + read + written, output, read, written_tokens=written)


def _said(event: Any, used: _Used) -> Iterable[Said]:
    kind = event["type"]
    if kind == "content_block_delta":
        delta = event["delta"]
        if delta["type"] == "text_delta" and delta["text"]:
            yield delta["text"]
        elif delta["type"] == "thinking_delta":
            yield Thought(len(delta["thinking"]))
    elif kind == "message_start":
        yield used.reported(event["message"]["usage"])
    elif kind == "message_delta":
        yield used.reported(event["usage"])
        reason = event["delta"].get("stop_reason")
        if reason is not None:
            yield Ending(refused=reason == "refusal")


def _says(message: Message) -> bool:
    return bool(message.content or message.images)


def _message(message: Message) -> Any:
    if not message.images:
        return {"role": message.role, "content": message.content}
    parts: list[dict[str, Any]] = [
        {"type": "image", "source": {"type": "url", "url": address}} for address in message.images
    ]
    if message.content:
        parts.append({"type": "text", "text": message.content})
    return {"role": message.role, "content": parts}


@asynccontextmanager
async def _failures(*, begun: bool = False) -> AsyncIterator[None]:
    """What goes wrong in here is a `Failure`.  begun: the provider works on it, so it is charged for."""
    try:
        yield
    except APIStatusError as error:
        within = error.status_code < 400  # an `error` event of a stream that had begun
        status = _STATUS.get(str(error.type), 500) if within else error.status_code
        after = retry_after(error.response.headers, datetime.now(UTC))
        failure = of_status(status, error.error_code or error.type, after)
        failure.charged = within
        raise failure from None
    except (APIConnectionError, httpx2.HTTPError) as error:
        raise unreachable(error, charged=begun) from None
    except (AnthropicError, ValueError, AttributeError, TypeError, KeyError) as error:
        raise broken_off(error) from None
