"""`croupier domains apply --warm-start`: what policies begin with, from a file to the log."""

import json
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pytest

from infra.domains.file import parse
from infra.domains.publish import LARGEST_CHANGE, apply_specs
from infra.domains.warm import Wanted, WarmStart, learned_from, read_warm_starts
from schemas import wire
from schemas.domains import Arm, Component, DomainSpec, LearnerSpec
from schemas.errors import SpecificationError
from schemas.events import Decision, Outcome, SpecChange
from stream_workers.bandits.prior import begin
from stream_workers.learning.terms import terms_of

from .broken import GOOD
from .log import records
from .test_commands import no_deployment, options, run  # noqa: F401 - fixtures

SPECS = parse(GOOD, "good.toml")[0]
WARM = """\
[[prior]]
tenant = "acme"
domain = "model_routing"
outcomes = "globex/model_routing"
observations = 200

[[prior]]
tenant = "globex"
domain = "user_engagement"
policy = "even"
scores = { wave = 0.3, quiz = 0.6 }

[[prior.sorts]]
features = { 3 = 1.0 }
scores = { wave = 0.9 }
"""


def reading(tmp_path, text):
    path = tmp_path / "warm.toml"
    path.write_text(text)
    return read_warm_starts(path, SPECS)


def test_a_good_file_is_read(tmp_path):
    """Each table is for the policy it names, or the champion."""
    wanted, problems = reading(tmp_path, WARM)
    assert problems == ()
    assert [(each.key, each.learner.name) for each in wanted] == [
        (("acme", "model_routing"), "learned"), (("globex", "user_engagement"), "even"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ('domain = "model_routing"', 'domain = "model_routin"', 3, 'Did you mean "model_routing"?'),
        ('policy = "even"', 'policy = "evn"', 10, 'Did you mean "even"?'),
        ("quiz = 0.6", "quizz = 0.6", 11, 'Did you mean "quiz"?'),
        ("quiz = 0.6", "quiz = 1.6", 11, "from 0 to 1"),
        ("3 = 1.0", "10 = 1.0", 14, "from 0 to 9"),
        ("observations = 200", "observations = 0", 5, "from 1 to"),
        ("observations = 200", "scores = { small = 0.5 }", 1, "both outcomes and scores"),
        ('outcomes = "globex/model_routing"', "", 1, "neither outcomes nor scores"),
        ('"globex/model_routing"', '"globex"', 4, "tenant and domain"),
        ('"globex/model_routing"', '"globex/model_routing"\nweights = 1', 5, "unknown key"),
        ("[[prior]]", "[[priors]]", 1, "[[prior]]"),
        (WARM, "", 1, "no prior"),
        (WARM, "[[prior", 1, "no TOML"),
    ],
)
def test_a_wrong_file_is_told_with_its_line(tmp_path, old, new, line, says):
    """Every mistake with its line and what was expected, and no prior is made."""
    assert old in WARM
    wanted, problems = reading(tmp_path, WARM.replace(old, new, 1))
    assert wanted == []
    assert any(problem.line == line and says in str(problem) for problem in problems), "\n".join(map(str, problems))


ARMS = ("a", "b", "c")
TARGET = DomainSpec("new", "routing", 3, (Arm("b"), Arm("c"), Arm("d")), {"quality": Component(required=True)},
                    LearnerSpec("learned", "squarecb"), challengers=(LearnerSpec("other", "linucb"),))  # fmt: skip
SOURCE = msgspec.structs.replace(TARGET, tenant="old", arms=tuple(map(Arm, ARMS)), champion=LearnerSpec("u", "uniform"))


def logged(n, tenant="old", width=3):
    """A log in which b is good where the first feature is positive, else c."""
    rng = np.random.default_rng(1)
    yield SpecChange(0, tenant, "routing", msgspec.structs.replace(SOURCE, tenant=tenant))
    p = np.full(3, 1 / 3, "<f4").tobytes()
    for ordinal in range(n):
        x, arm = rng.normal(size=width).astype("<f4"), int(rng.integers(3))
        quality = float(ARMS[arm] == ("b" if x[0] > 0 else "c"))
        decision = Decision(
            f"d{ordinal}", tenant, "routing", ARMS, arm, p, p, x.tobytes(), "u", 0, 0, 1000, (), ordinal
        )
        yield Outcome(ordinal, "complete", 0, 1, {"quality": quality}, ordinal, decision)
        yield Outcome(ordinal, "complete", 0, 1, {"quality": 1 - quality}, ordinal, decision)  # a second one: ignored
        astray = {"quality": 1 - quality, "unfollowed": 1.0}  # of another arm's answer
        yield Outcome(n + ordinal, "complete", 0, 1, astray, n + ordinal, decision)


@pytest.mark.parametrize("policy", ["learned", "other"])
def test_another_domain_s_outcomes_are_learned(policy):
    """The policy that is to begin learns them, whoever decided, and begins with what is right for its own arms."""
    terms = terms_of(TARGET)[1]
    place = terms.names.index(policy)
    wanted = Wanted(WarmStart("new", "routing", policy, "old/routing"), TARGET, terms.learners[place])
    data, words = learned_from(wanted, list(logged(400)))
    assert words == "400 outcomes of old/routing, counted as 400"
    begun = begin(terms.learners[place].kind, terms.settings[place], data)
    x = np.array([[1.0, 0, 0], [-1.0, 0, 0]], np.float32)
    _, estimates = begun.distribution(x, np.ones((2, 3), np.bool_), np.zeros((2, 3)), 0.0)
    assert estimates[0, 0] > estimates[0, 1] + 0.4
    assert estimates[1, 1] > estimates[1, 0] + 0.4


@pytest.mark.parametrize(
    ("events", "says"),
    [([], "no domain old/routing"), (list(logged(0)), "no outcome"), (list(logged(5, width=4)), "features")],
)
def test_what_nothing_can_be_learned_from_is_told(events, says):
    """No such domain, no outcomes, and outcomes of other features: the reason."""
    wanted = Wanted(WarmStart("new", "routing", None, "old/routing"), TARGET, TARGET.champion)
    with pytest.raises(SpecificationError, match=says):
        learned_from(wanted, events)


@pytest.mark.kafka
def test_apply_with_a_warm_start(options, tmp_path):  # noqa: F811
    """The prior is made of the deployment's outcomes, said, and put into both topics once; applying again without it
    makes no new version, and what is announced again still has it."""
    (tmp_path / "old.toml").write_text(toml(SOURCE))
    (tmp_path / "new.toml").write_text(toml(TARGET))
    (tmp_path / "warm.toml").write_text('[[prior]]\ntenant = "new"\ndomain = "routing"\noutcomes = "old/routing"\n')
    run("apply", tmp_path / "old.toml", "--no-wait", *options)
    asyncio_send(options, [event for event in logged(50) if isinstance(event, Outcome)])
    result = run("apply", tmp_path / "new.toml", "--warm-start", tmp_path / "warm.toml", "--no-wait", *options)
    said = " ".join(result.stdout.split())
    assert "new/routing: learned begins with 50 outcomes of old/routing, counted as 50" in said
    changes = asked(options, "specs")
    assert [(each.tenant, sorted(each.priors)) for each in changes] == [("old", []), ("new", ["learned"])]
    again = json.loads(run("apply", tmp_path / "new.toml", "--no-wait", "--json", *options).stdout)
    assert [entry["changed"] for entry in again] == [False]
    announced = [each for each in asked(options, "outcomes") if isinstance(each, SpecChange) and each.tenant == "new"]
    assert [each.priors for each in announced] == [changes[1].priors] * 2
    (tmp_path / "warm.toml").write_text('[[prior]]\ntenant = "new"\ndomain = "routing"\noutcomes = "no/body"\n')
    failed = run("apply", tmp_path / "new.toml", "--warm-start", tmp_path / "warm.toml", *options, code=1)
    assert "no domain no/body" in failed.stderr


@pytest.mark.kafka
def test_an_export_is_learned(options, tmp_path):  # noqa: F811
    """What `croupier tail outcomes --json` printed of another deployment makes the same prior as its topic."""
    from infra.readable.plain import plain_record

    (tmp_path / "new.toml").write_text(toml(TARGET))
    lines = [
        json.dumps(plain_record("outcomes", Fetched(0, offset, 5, b"old", wire.encode(event))), default=str)
        for offset, event in enumerate(logged(50))
    ]
    (tmp_path / "export.jsonl").write_text("\n".join(lines))
    (tmp_path / "warm.toml").write_text(
        '[[prior]]\ntenant = "new"\ndomain = "routing"\noutcomes = "old/routing"\nfile = "export.jsonl"\n'
    )
    run("apply", tmp_path / "new.toml", "--warm-start", tmp_path / "warm.toml", "--no-wait", *options)
    wanted = Wanted(WarmStart("new", "routing", None, "old/routing"), TARGET, TARGET.champion)
    (change,) = asked(options, "specs")
    assert change.priors == {"learned": learned_from(wanted, list(logged(50)))[0]}


@pytest.mark.kafka
async def test_priors_that_do_not_fit_a_record_change_nothing(kafka, deployment_prefix):
    """They are refused with their sizes before anything is sent; a large one that fits travels."""
    from infra.kafka.topics import create_topics

    bootstrap, prefix = kafka.bootstrap_servers, deployment_prefix
    await create_topics(bootstrap, prefix=prefix, partitions=2)
    large = {("new", "routing"): {"learned": bytes(LARGEST_CHANGE // 2), "other": bytes(LARGEST_CHANGE // 2)}}
    with pytest.raises(SpecificationError, match=r"learned 2\.0 MiB, other 2\.0 MiB"):
        await apply_specs(bootstrap, prefix, [TARGET], large)
    assert await records(bootstrap, f"{prefix}specs") == [[]]
    (done,) = await apply_specs(bootstrap, prefix, [TARGET], {("new", "routing"): {"learned": bytes(3 * 2**20)}})
    assert done.changed


class Fetched(NamedTuple):
    """A record as a client has it."""

    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes


def toml(spec):
    from .written import to_toml

    return to_toml([spec])


def asyncio_send(options, outcomes):  # noqa: F811
    import asyncio

    from infra.domains import clients

    async def send():
        async with clients.producer(options[1]) as producer:
            for each in outcomes:
                key = each.decision.tenant.encode()
                await producer.send_and_wait(f"{options[3]}outcomes", wire.encode(each), key=key)

    asyncio.run(send())


def asked(options, topic):  # noqa: F811
    import asyncio

    found = asyncio.run(records(options[1], f"{options[3]}{topic}"))
    return [wire.decode(topic, record.value) for partition in found for record in partition]


def test_the_page_s_file_is_right(tmp_path):
    """The warm-start files in docs/domains.md are read without a problem, for the domains they are about."""
    page = (Path(__file__).parents[2] / "docs" / "domains.md").read_text()
    (text,) = (block for block in page.split("```")[1::2] if "[[prior]]" in block)
    spec = msgspec.structs.replace(
        SPECS[0], tenant="initech", arms=(Arm("small-model"), Arm("large-model")), challengers=(), budget=None
    )
    path = tmp_path / "warm.toml"
    path.write_text(text.removeprefix("ini\n"))
    wanted, problems = read_warm_starts(path, [spec, msgspec.structs.replace(spec, domain="other_routing")])
    assert problems == ()
    assert len(wanted) == 2
