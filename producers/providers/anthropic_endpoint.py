"""The messages protocol, through Anthropic's own client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx2
from anthropic import AnthropicError, APIConnectionError, APIStatusError, APITimeoutError, AsyncAnthropic

from .answer import Message, Request, Usage
from .catalogue import Model, Provider
from .endpoint import Ending, Said
from .estimate import output_limit
from .failure import Failure, of_status, retry_after

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
        )

    async def ask(self, model: Model, request: Request) -> AsyncIterator[Said]:
        """As `Endpoint.ask`."""
        system = "\n\n".join(each.content for each in request.messages if each.role == "system" and each.content)
        async with _failures():
            stream: Any = await self._client.messages.create(
                model=model.model,
                messages=[_message(each) for each in request.messages if each.role != "system" and _says(each)],
                max_tokens=output_limit(model, request),
                stream=True,
                extra_body={**({"system": system} if system else {}), **model.extra},
                timeout=httpx2.Timeout(None, connect=model.limits.connect_s),  # the rest is timed by who asks
            )
            async with stream:
                used = _Used()
                async for event in stream:
                    if event.type == "content_block_delta":
                        if event.delta.type == "text_delta" and event.delta.text:
                            yield event.delta.text
                    elif event.type == "message_start":
                        yield used.reported(event.message.usage)
                    elif event.type == "message_delta":
                        yield used.reported(event.usage)
                        if event.delta.stop_reason is not None:
                            yield Ending(refused=event.delta.stop_reason == "refusal")

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

    def reported(self, usage: Any) -> Usage:
        for name in self._counts:
            count = getattr(usage, name, None)
            if count is not None:
                self._counts[name] = count
        plain, output, read, written = self._counts.values()
        return Usage(plain + read + written, output, read, written_tokens=written)


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
async def _failures() -> AsyncIterator[None]:
    """What goes wrong in here is a `Failure`."""
    try:
        yield
    except APITimeoutError:
        raise Failure("timeout", "no connection in time", retry=True) from None
    except APIStatusError as error:
        within = error.status_code < 400  # an `error` event of a stream that had begun
        status = _STATUS.get(str(error.type), 500) if within else error.status_code
        failure = of_status(status, error.type, retry_after(error.response.headers, datetime.now(UTC)))
        failure.charged = within
        raise failure from None
    except (APIConnectionError, httpx2.HTTPError) as error:
        cause = type(error.__cause__ or error).__name__
        raise Failure("failed", f"the connection failed ({cause})", retry=True) from None
    except (AnthropicError, ValueError) as error:
        raise Failure("failed", f"the stream broke off ({type(error).__name__})", retry=True, charged=True) from None
