"""The local models: true to the protocols as the real clients read them, and to the recordings."""

import math
from pathlib import Path

import aiohttp
import anthropic
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.standins.models import Fault, ModelServer, recorded_catalogue, recordings, served, started, stated_quality
from infra.standins.models.recorded import FILES
from infra.standins.models.reply import Turn, reply
from infra.standins.models.writing import other_answer
from producers.discord.analysis import prompts as analysis
from producers.discord.analysis.material import Source
from producers.discord.analysis.parsing import analysis_of
from producers.discord.engagement import prompts as engagement
from producers.discord.engagement.offers import POLL, QUESTIONS, THREAD_SUMMARY
from producers.discord.engagement.parsing import poll_of, questions_of
from producers.providers import Message, Providers, Request, cost_usd, read_catalogue
from producers.replay.bundled import BUNDLES, load, read

_RAW = {file: read(file) for file in FILES}
_FIRST = {
    file: {" ".join(text.split()): row for row, text in reversed(list(enumerate(raw["texts"])))}
    for file, raw in _RAW.items()
}


@st.composite
def recorded(draw):
    """A question of a recording, and a model that was asked it."""
    file = draw(st.sampled_from(FILES))
    raw = _RAW[file]
    row = draw(st.integers(0, len(raw["texts"]) - 1))
    column = draw(st.integers(0, len(raw["arms"]) - 1))
    return file, row, column


@given(recorded())
def test_answers_are_as_good_as_recorded(which):
    """Every model's answer to every question states the quality that the recording has of it, and no other."""
    file, row, column = which
    raw = _RAW[file]
    arm = raw["arms"][column]
    found = recordings().find(raw["texts"][row], arm)
    said = reply(recordings(), arm, [Turn("system", "Be brief."), Turn("user", raw["texts"][row])], None)
    stated = stated_quality("".join(said.pieces))
    assert found is not None and stated == pytest.approx(found.quality, abs=1e-5)
    words = " ".join(raw["texts"][row].split())
    first, at = next(
        (each, _FIRST[each][words]) for each in FILES if arm in _RAW[each]["arms"] and words in _FIRST[each]
    )
    name = "quality" if "quality" in _RAW[first]["observed"] else "success"
    assert found.quality == _RAW[first]["observed"][name][_RAW[first]["arms"].index(arm)][at]


@pytest.mark.parametrize("file", FILES)
def test_what_answers_cost_is_what_was_recorded(file):
    """Reported tokens at the catalogue's prices give the recording's cost, but for the rounding to whole tokens."""
    models = recorded_catalogue("http://127.0.0.1:9").models
    recording = load(next(each.tenant for each in BUNDLES if each.file == file), content=False)
    costs = recording.observed["cost"]
    for row in range(0, len(costs), 97):
        text = _RAW[file]["texts"][row]
        if _FIRST[file][" ".join(text.split())] != row:
            continue
        for column, arm in enumerate(recording.arms):
            if (file, arm) == ("llmrouter", "llama-3.1-8b-instruct"):
                continue  # its price is ParetoBandit's
            said = reply(recordings(), arm, [Turn("user", text)], None)
            model = models[arm]
            rounding = (model.input + model.output) * 1e-6
            assert cost_usd(model, said.usage) == pytest.approx(costs[row][column], abs=rounding), (arm, row)


@given(st.text(max_size=300), st.sampled_from(["codegemma-7b", "gemini-2.5-pro"]), st.integers(1, 50))
def test_any_request_has_an_answer(text, model, most):
    """Never empty, the same each time, with its tokens by its length, and no longer than asked for."""
    turns = [Turn("user", text)]
    first = reply(recordings(), model, turns, most)
    assert first == reply(recordings(), model, turns, most)
    whole = "".join(first.pieces)
    assert whole and first.usage.output_tokens == math.ceil(len(whole) / 4) <= most


POST = (
    "The council voted to plant two hundred lime trees along the harbour. Residents had asked for shade since 2019. "
    "Critics fear that roots will lift the pavement. A nursery in the region supplies the saplings for free. "
    "Planting starts in October and takes six weeks."
)


def test_what_is_asked_for_is_in_the_answer():
    """Summaries, so many key points and questions: made from the text."""
    summary = other_answer("Write a summary of the post.", POST)
    assert summary.startswith("The council voted") and len(summary) < len(POST)
    points = other_answer("Give a summary and four key points.", POST).split("\n\n")[1]
    assert len(points.splitlines()) == 4 and all(line[2:] in POST for line in points.splitlines())
    questions = other_answer("Suggest 2 follow-up questions.", POST)
    assert [line[:2] for line in questions.splitlines()] == ["1.", "2."]


def test_what_the_bot_asks_of_posts_and_conversations_is_answered_as_it_reads_it():
    """The bot's own prompts, through its own reading of answers: every part that it asked for is there."""

    def said(request):
        turns = [Turn(each.role, each.content) for each in request.messages]
        return "".join(reply(recordings(), "gemini-2.5-flash", turns, request.max_output_tokens).pieces)

    full = analysis_of(said(analysis.request(analysis.FULL, [Source("post", POST)], "en")))
    assert full.summary in " ".join(POST.split()) or full.summary.startswith("The council voted")
    assert len(full.key_points) == 3 and all(each in POST for each in full.key_points) and len(full.questions) == 3
    quick = analysis_of(said(analysis.request(analysis.QUICK, [Source("post", POST)], "en")))
    assert quick.summary and not quick.key_points
    turns = [Message("user", "Which trees stand salt and wind?")]

    def offered(offer):
        return said(engagement.request(offer, turns, POST, "en"))

    assert len(questions_of(offered(QUESTIONS))) == 3
    poll = poll_of(offered(POLL))
    assert poll is not None and len(poll.answers) >= 2
    assert analysis_of(offered(THREAD_SUMMARY)).key_points


async def test_both_protocols_as_the_real_clients_validate_them():
    """The official clients, validating strictly, read streams, whole answers and lists of models alike."""
    question = read("mmlu")["texts"][0]
    messages = [{"role": "user", "content": question}]
    async with ModelServer() as server:
        async with openai.AsyncOpenAI(
            api_key="k", base_url=f"{server.url}/v1", _strict_response_validation=True
        ) as client:
            whole = await client.chat.completions.create(model="gpt-4-1106-preview", messages=messages)
            stream = await client.chat.completions.create(
                model="gpt-4-1106-preview", messages=messages, stream=True, stream_options={"include_usage": True}
            )
            chunks = [chunk async for chunk in stream]
            text = "".join(each.choices[0].delta.content or "" for each in chunks if each.choices)
            assert text == whole.choices[0].message.content and stated_quality(text) == 1.0
            assert chunks[-1].usage == whole.usage and chunks[-1].choices == []
            assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason == "stop"
            assert "gpt-4-1106-preview" in [each.id async for each in client.models.list()]
        async with anthropic.AsyncAnthropic(
            api_key="k", base_url=server.url, _strict_response_validation=True
        ) as client:
            message = await client.messages.create(model="gpt-4-1106-preview", messages=messages, max_tokens=500)
            async with client.messages.stream(model="gpt-4-1106-preview", messages=messages, max_tokens=500) as live:
                final = await live.get_final_message()
            assert final.content[0].text == message.content[0].text == text
            assert final.usage.output_tokens == message.usage.output_tokens == whole.usage.completion_tokens
            assert final.stop_reason == message.stop_reason == "end_turn"
            server.faults.set(Fault("think", pieces=2))
            async with client.messages.stream(model="gpt-4-1106-preview", messages=messages, max_tokens=500) as live:
                final = await live.get_final_message()
            assert [each.type for each in final.content] == ["thinking", "text"] and final.content[1].text == text
            assert "gpt-4-1106-preview" in [each.id async for each in client.models.list()]


async def test_errors_as_the_real_clients_raise_them():
    """401, 404, 400 for what is no request and for too long a one, 429 with its header, 500: each its own exception."""
    messages = [{"role": "user", "content": "word " * 100}]
    async with ModelServer({"m": 1000, "small": 50}, keys=frozenset({"good"})) as server:
        url, options = f"{server.url}/v1", {"max_retries": 0}
        good, wrong = (openai.AsyncOpenAI(api_key=key, base_url=url, **options) for key in ("good", "wrong"))
        claude, other = (
            anthropic.AsyncAnthropic(api_key=key, base_url=server.url, **options) for key in ("good", "wrong")
        )

        async def raised(kind, client, **change):
            asked = {"model": "m", "messages": messages, **change}
            call = client.chat.completions if isinstance(client, openai.AsyncOpenAI) else client.messages
            extra = {} if isinstance(client, openai.AsyncOpenAI) else {"max_tokens": 100}
            with pytest.raises(kind) as caught:
                await call.create(**asked, **extra)
            return caught.value

        assert (await raised(openai.AuthenticationError, wrong)).code == "invalid_api_key"
        assert (await raised(openai.NotFoundError, good, model="none")).code == "model_not_found"
        assert (await raised(openai.BadRequestError, good, model="small")).code == "context_length_exceeded"
        assert (await raised(openai.BadRequestError, good, messages=[])).type == "invalid_request_error"
        assert (await raised(anthropic.AuthenticationError, other)).type == "authentication_error"
        assert (await raised(anthropic.NotFoundError, claude, model="none")).type == "not_found_error"
        assert (await raised(anthropic.BadRequestError, claude, messages=[])).type == "invalid_request_error"
        server.faults.set(Fault("rate-limit", retry_after=7))
        assert (await raised(openai.RateLimitError, good)).response.headers["Retry-After"] == "7"
        assert (await raised(anthropic.RateLimitError, claude)).type == "rate_limit_error"
        server.faults.set(Fault("fail", status=500))
        assert (await raised(openai.InternalServerError, good)).status_code == 500
        server.faults.set(Fault("fail", status=529))
        assert (await raised(anthropic.OverloadedError, claude)).type == "overloaded_error"
        for each in (good, wrong, claude, other):
            await each.close()


async def test_faults_keep_to_their_schedule():
    """By model, from a request on, for so many, every so-and-so-manyth; set from another process over HTTP, too."""
    async with ModelServer({"a": 9000, "b": 9000}) as server, aiohttp.ClientSession() as http:

        async def statuses(model, count):
            body = {"model": model, "messages": [{"role": "user", "content": "Hello there?"}]}
            answers = [await http.post(f"{server.url}/v1/chat/completions", json=body) for _ in range(count)]
            return [each.status for each in answers]

        server.faults.set(Fault("fail", "a", first=2, requests=5, every=2))
        assert await statuses("b", 2) == [200] * 2
        assert await statuses("a", 8) == [200, 500, 200, 500, 200, 500, 200, 200]
        put = await http.put(f"{server.url}/control/faults", json=[{"kind": "fail", "model": "b", "status": 503}])
        assert put.status == 204 and await statuses("b", 1) == [503] and await statuses("a", 1) == [200]
        bad = await http.put(f"{server.url}/control/faults", json=[{"kind": "explode"}])
        assert bad.status == 400 and "explode" in await bad.text()
        assert server.faults.now == (Fault("fail", "b", status=503),)
        assert await (await http.get(f"{server.url}/control/requests")).json() == {"b": 3, "a": 9}


async def test_the_recorded_models_through_the_bots_own_providers():
    """The whole way: a recorded question asked as the bot does has the recorded quality and the recorded cost."""
    raw = _RAW["paretobandit"]
    async with ModelServer() as server, Providers(server.catalogue()) as providers:
        for row in (0, 500, 1700):
            for column, arm in enumerate(raw["arms"]):
                turns = (Message("system", "You are a helpful bot."), Message("user", f"  {raw['texts'][row]}\n"))
                async with providers.stream([arm], Request(turns)) as stream:
                    text = "".join([piece async for piece in stream])
                assert stated_quality(text) == pytest.approx(raw["observed"]["quality"][column][row], abs=1e-5)
                price = server.catalogue().models[arm].output * 1e-6
                assert stream.answer.cost_usd == pytest.approx(raw["observed"]["cost"][column][row], abs=price)


async def test_a_server_in_a_process_of_its_own():
    """It serves what the one in this process does, has faults set from here, and ends when nobody needs it."""
    async with started("--catalogue", "examples/models.toml") as remote:
        catalogue = served(read_catalogue(Path("examples/models.toml")), remote.url)
        request = Request((Message("user", "How do I keep bread fresh?"),))
        async with Providers(catalogue, environment={}) as providers:
            assert providers.arms == catalogue.arms
            await remote.set_faults(Fault("fail", "gpt-4o"))
            async with providers.stream(["gpt-4o", "claude-haiku"], request) as stream:
                text = "".join([piece async for piece in stream])
        assert stream.answer.arm == "claude-haiku" and text
        assert await remote.requests() == {"gpt-4o": 2, "claude-haiku-4-5": 1}
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get(f"{remote.url}/v1/models")
