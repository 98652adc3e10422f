"""The chat completions protocol, through OpenAI's own client: OpenAI, OpenRouter, vLLM, Ollama, LiteLLM proxy ..."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx2
from openai import (
    APIConnectionError,
    APIError,
    APIStatusError,
    AsyncOpenAI,
    AsyncStream,
    DefaultAioHttpClient,
    OpenAIError,
)

from .answer import Message, Request, Usage
from .catalogue import Model, Provider
from .endpoint import Ending, Said, Thought
from .estimate import output_limit
from .failure import broken_off, of_status, retry_after, unreachable

_NOTHING: Mapping[str, Any] = {}


class OpenAIEndpoint:
    """A provider that speaks OpenAI's protocol."""

    def __init__(self, provider: Provider, key: str | None) -> None:
        self._provider = provider
        self._client = AsyncOpenAI(
            api_key=key or "none",  # local servers want none; the client insists on one
            base_url=provider.base_url,
            max_retries=0,  # ours know of Retry-After, breakers and the other models
            default_headers=provider.headers,
            http_client=DefaultAioHttpClient(),
        )

    async def ask(self, model: Model, request: Request) -> AsyncIterator[Said]:
        """As `Endpoint.ask`.

        Through the client's `post` and as plain dictionaries: its typed way to the same request costs more than all the
        rest of it together.
        """
        body = {
            "model": model.model,
            "messages": [_message(each) for each in request.messages if each.content or each.images],
            "stream": True,
            "stream_options": {"include_usage": True},
            self._provider.output_limit: output_limit(model, request),
            **model.extra,
        }
        async with _failures():
            stream = await self._client.post(
                "/chat/completions",
                cast_to=object,
                body=body,
                options={"timeout": httpx2.Timeout(None, connect=model.limits.connect_s)},  # who asks times the rest
                stream=True,
                stream_cls=AsyncStream[object],
            )
        async with _failures(begun=True), stream:
            while (chunk := await anext(stream, None)) is not None:
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
    for choice in chunk.get("choices") or ():
        delta = choice.get("delta") or _NOTHING
        thought = delta.get("reasoning_content") or delta.get("reasoning")  # vLLM, DeepSeek; OpenRouter
        if thought:
            yield Thought(len(thought))
        text = delta.get("content")
        if text:
            yield text
        finish = choice.get("finish_reason")
        if finish is not None:
            yield Ending(refused=finish == "content_filter")
    usage = chunk.get("usage")
    if usage:
        details = usage.get("prompt_tokens_details") or _NOTHING
        yield Usage(
            usage.get("prompt_tokens") or 0,
            usage.get("completion_tokens") or 0,
            details.get("cached_tokens") or 0,
            written_tokens=details.get("cache_write_tokens") or 0,
        )


@asynccontextmanager
async def _failures(*, begun: bool = False) -> AsyncIterator[None]:
    """What goes wrong in here is a `Failure`.  begun: the provider works on it, so it is charged for."""
    try:
        yield
    except APIStatusError as error:
        after = retry_after(error.response.headers, datetime.now(UTC))
        raise of_status(error.status_code, error.code or error.type, after) from None
    except (APIConnectionError, httpx2.HTTPError) as error:
        raise unreachable(error, charged=begun) from None
    except (APIError, OpenAIError, ValueError, AttributeError, TypeError) as error:
        # An error within a stream that had begun, or something that is not the protocol.
        raise broken_off(error) from None
