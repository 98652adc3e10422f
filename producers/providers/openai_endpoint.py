"""The chat completions protocol, through OpenAI's own client: OpenAI, OpenRouter, vLLM, Ollama, LiteLLM proxy ..."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx2
from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError, AsyncOpenAI, OpenAIError

from .answer import Message, Request, Usage
from .catalogue import Model, Provider
from .endpoint import Ending, Said
from .estimate import output_limit
from .failure import Failure, of_status, retry_after


class OpenAIEndpoint:
    """A provider that speaks OpenAI's protocol."""

    def __init__(self, provider: Provider, key: str | None) -> None:
        self._provider = provider
        self._client = AsyncOpenAI(
            api_key=key or "none",  # local servers want none; the client insists on one
            base_url=provider.base_url,
            max_retries=0,  # ours know of Retry-After, breakers and the other models
            default_headers=provider.headers,
        )

    async def ask(self, model: Model, request: Request) -> AsyncIterator[Said]:
        """As `Endpoint.ask`."""
        async with _failures():
            stream: Any = await self._client.chat.completions.create(
                model=model.model,
                messages=[_message(each) for each in request.messages if each.content or each.images],
                stream=True,
                stream_options={"include_usage": True},
                extra_body={self._provider.output_limit: output_limit(model, request), **model.extra},
                timeout=httpx2.Timeout(None, connect=model.limits.connect_s),  # the rest is timed by who asks
            )
            async with stream:
                async for chunk in stream:
                    for said in _said(chunk):
                        yield said

    async def check(self) -> frozenset[str]:
        """As `Endpoint.check`: the list of models, or whatever path the catalogue says."""
        async with _failures():
            answer: Any = await self._client.get(self._provider.check_path, cast_to=object, options={"timeout": 10.0})
        listed = answer.get("data") if isinstance(answer, dict) else None
        rows = listed if isinstance(listed, list) else []
        return frozenset(row["id"] for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str))

    async def close(self) -> None:
        """As `Endpoint.close`."""
        await self._client.close()


def _message(message: Message) -> Any:
    if not message.images:
        return {"role": message.role, "content": message.content}
    parts: list[dict[str, Any]] = [{"type": "text", "text": message.content}] if message.content else []
    parts += [{"type": "image_url", "image_url": {"url": address}} for address in message.images]
    return {"role": message.role, "content": parts}


def _said(chunk: Any) -> Iterable[Said]:
    for choice in chunk.choices or ():
        if choice.delta is not None and choice.delta.content:
            yield choice.delta.content
        if choice.finish_reason is not None:
            yield Ending(refused=choice.finish_reason == "content_filter")
    if chunk.usage is not None:
        yield _usage(chunk.usage)


def _usage(usage: Any) -> Usage:
    details = usage.prompt_tokens_details
    return Usage(
        usage.prompt_tokens or 0,
        usage.completion_tokens or 0,
        (details and details.cached_tokens) or 0,
        written_tokens=(details and details.cache_write_tokens) or 0,
    )


@asynccontextmanager
async def _failures() -> AsyncIterator[None]:
    """What goes wrong in here is a `Failure`."""
    try:
        yield
    except APITimeoutError:
        raise Failure("timeout", "no connection in time", retry=True) from None
    except APIStatusError as error:
        after = retry_after(error.response.headers, datetime.now(UTC))
        raise of_status(error.status_code, error.code or error.type, after) from None
    except (APIConnectionError, httpx2.HTTPError) as error:
        cause = type(error.__cause__ or error).__name__
        raise Failure("failed", f"the connection failed ({cause})", retry=True) from None
    except (APIError, OpenAIError, ValueError) as error:
        # An error within a stream that had begun, or something that is not the protocol.
        raise Failure("failed", f"the stream broke off ({type(error).__name__})", retry=True, charged=True) from None
