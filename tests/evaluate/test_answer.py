"""Answers about a domain whose truth is known: what policies would have earned, from an export and as commands."""

import json
import re

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from infra.cli import app
from infra.evaluate.answer import answer
from infra.evaluate.export import read_export
from infra.evaluate.history import EvaluationError, history_of
from infra.evaluate.replay import along, arrays_of, probabilities, state_after
from infra.evaluate.tables import tables
from infra.evaluate.wanted import wanted
from schemas.domains import Arm, Input, LearnerSpec
from schemas.events import SpecChange
from stream_workers.bandits.prior import Score, scores
from stream_workers.learning.domain import DomainState

from ..status.shown import shown
from .recorded import ARMS, SPEC, events, features_of, logging_policy, truth, write_export

N = 4000
replace = msgspec.structs.replace


def croupier(*arguments, code=0):
    result = CliRunner().invoke(app, ["evaluate", "acme", "model_routing", *map(str, arguments)])
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    return write_export(tmp_path_factory.mktemp("export") / "acme.jsonl", events(N))


def asked(history, *texts, **options):
    return answer(history, texts, progress=lambda said: None, **options)


def value(policy, estimator="dr"):
    return next(each for each in policy.values if each.estimator == estimator)


def test_the_truth():
    """Arms, uniform and what was logged: every unbiased estimate is near the truth, and its intervals hold it."""
    x = features_of(N).astype(np.float64)
    means = truth(x)
    found = asked(history_of(events(N), "acme", "model_routing"), *(f"arm:{arm}" for arm in ARMS), "uniform")
    expected = [*means.mean(axis=0), means.mean()]
    for policy, right in zip(found.policies, expected, strict=True):
        for estimator in ("ips", "dr"):
            got = value(policy, estimator)
            assert got.lower < right < got.upper, (policy.policy, estimator)
            assert got.bootstrap_lower - 0.01 < right < got.bootstrap_upper + 0.01
            assert got.estimate == pytest.approx(right, abs=0.05)
        assert value(policy).upper - value(policy).lower < 0.2
        assert value(policy).bootstrap_upper - value(policy).bootstrap_lower < 0.1
        assert value(policy, "dm").lower is None
        assert policy.running[-1].n == N
    logged = (logging_policy(x) * means).sum(axis=1).mean()
    assert found.logged.lower < logged < found.logged.upper
    assert found.best_fixed == "large"
    even = found.policies[-1]
    against = {less.than: less for less in even.differences}
    assert against["what was logged"].lower < means.mean() - logged < against["what was logged"].upper
    assert against["always large"].lower < means.mean() - means[:, 2].mean() < against["always large"].upper


def test_a_learner_along_the_log():
    """A policy of the domain, as it was learning, has the probabilities that a state has before each outcome."""
    history = history_of(events(600), "acme", "model_routing")
    arrays = arrays_of(history)
    (learner,) = wanted(["learned"], history.spec, arrays.arms)
    found, there = probabilities(learner, history, arrays, 0)
    assert there.all()
    state = DomainState(SPEC, 1)
    for i, outcome in enumerate(history.outcomes[:300]):
        features = np.frombuffer(outcome.decision.features, "<f4").reshape(1, -1)
        decided = state.decide(features, None, np.zeros(1))
        assert found[i] == pytest.approx(decided.propensities[0], abs=1e-5)
        state.learn([outcome])
    assert (along(SPEC.champion, history, arrays)[0] == found).all()


def test_learning_first():
    """With --learn a policy is what the first outcomes made it, fixed, and is evaluated on the others alone."""
    history = history_of(events(1000), "acme", "model_routing")
    found = asked(history, "learned", "arm:large", learn=0.5)
    assert (found.outcomes, found.learned_from) == (500, 500)
    assert [policy.outcomes for policy in found.policies] == [500, 500]
    arrays = arrays_of(history)
    (learner,) = wanted(["learned"], history.spec, arrays.arms)
    fixed, judged = probabilities(learner, history, arrays, 500)
    assert judged.tolist() == [i >= 500 for i in range(1000)]
    state = DomainState(replace(SPEC, challengers=()), 1)
    state.learn(history.outcomes[:500])
    features = features_of(1000)
    assert fixed == pytest.approx(state.decide(features, None, np.zeros(1000)).propensities.astype(float))


def test_alike_users():
    """Where rewards of one user are alike, intervals are wider, by as much as the answer says."""
    alone = asked(history_of(events(N), "acme", "model_routing"), "uniform")
    alike = asked(history_of(events(N, units=60, alike=0.3), "acme", "model_routing"), "uniform")
    assert (alone.units, alike.units) == (N, 60)
    assert alone.policies[0].design_effect == 1.0
    assert alike.policies[0].design_effect > 3.0

    def width(found, bootstrap):
        one = value(found.policies[0])
        return one.bootstrap_upper - one.bootstrap_lower if bootstrap else one.upper - one.lower

    assert width(alike, bootstrap=True) > 1.5 * width(alone, bootstrap=True)
    assert width(alike, bootstrap=False) > 1.5 * width(alone, bootstrap=False)
    assert any("do not say who they are about" in note for note in alone.notes)
    assert not any("do not say who" in note for note in alike.notes)


def test_what_nobody_followed_is_left_out():
    """Outcomes of decisions that nobody acted on are counted, and change no estimate; without others it is said."""
    plain = events(300)
    mixed = [plain[0]]
    for ordinal, event in enumerate(plain[1:]):
        bad = {"unfollowed": 1.0, "success": 0.0, "answered_by": 0.0}
        mixed += [event, replace(event, ordinal=1000 + ordinal, observations=bad)]
    history = history_of(mixed, "acme", "model_routing")
    assert (len(history.outcomes), history.skipped, history.unfollowed) == (300, 0, 300)
    found, expected = (asked(each, "uniform") for each in (history, history_of(plain, "acme", "model_routing")))
    assert replace(found, unfollowed=0) == expected
    assert "300 decisions nobody acted on: left out" in " ".join(shown(tables(found)).split())
    with pytest.raises(EvaluationError, match="nobody acted on any of the 300 decisions"):
        history_of([plain[0], *mixed[2::2]], "acme", "model_routing")


def test_eras():
    """Arms come and go, a removed domain starts afresh, and what nobody can learn from is counted."""
    first = events(300)
    more = replace(SPEC, arms=(*SPEC.arms, Arm("huge", 0.1)), challengers=())
    fewer = replace(more, arms=more.arms[:2])
    later = [replace(each, ordinal=each.ordinal + 300) for each in events(300, 1, fewer, version=9)[1:]]
    wide = [replace(each, ordinal=each.ordinal + 600) for each in events(5, 2)[1:]]
    wide = [replace(each, decision=replace(each.decision, features=bytes(8))) for each in wide]
    everything = [*first, SpecChange(8, "acme", "model_routing", more), SpecChange(9, "acme", "model_routing", fewer),
                  SpecChange(3, "acme", "model_routing", SPEC), *later, first[5], *wide]  # fmt: skip
    history = history_of(everything, "acme", "model_routing")
    assert [(era.version, len(era.outcomes)) for era in history.eras] == [(1, 300), (8, 0), (9, 300)]
    assert history.skipped == 5
    arrays = arrays_of(history)
    assert arrays.arms == ("small", "medium", "large", "huge")
    assert len(arrays.rows) == 600
    found = asked(history, "arm:large", "learned")
    assert (found.outcomes, found.skipped) == (600, 5)
    (learner,) = wanted(["learned"], history.spec, arrays.arms)
    probability, there = probabilities(learner, history, arrays, 0)
    assert there[:300].all()
    assert there[300:].tolist() == [arrays.columns.chosen[i] < 2 for i in range(300, 600)]
    assert probability[there].sum(axis=1) == pytest.approx(1.0)
    assert (probability[300:, 2:] == 0).all()
    removed = [
        *everything,
        SpecChange(20, "acme", "model_routing", None),
        SpecChange(21, "acme", "model_routing", SPEC),
    ]
    again = history_of(
        [*removed, *(replace(e, ordinal=e.ordinal + 900) for e in events(50, 3)[1:])], "acme", "model_routing"
    )
    assert again.eras[-1].new
    assert not again.eras[1].new
    fresh = DomainState(replace(SPEC, challengers=()), 21)
    fresh.learn(again.eras[-1].outcomes)
    assert state_after(SPEC.champion, again, len(again.outcomes)).to_bytes() == fresh.to_bytes()


def test_exports(export):
    """What is read back is what was written, with every bit; lines of other programs are checked."""
    assert list(read_export(export)) == events(N)
    found = json.loads(export.read_text().splitlines()[1])
    del found["event"]["decision"]["unit"], found["offset"], found["key"]
    older = export.with_name("older.jsonl")
    older.write_text(export.read_text().splitlines()[0] + "\n" + json.dumps(found) + "\n\n")
    assert list(read_export(older)) == events(1)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "no outcome and no change"),
        ('{"type": "reward.1", "event": {}}', "outcome.1, spec.1"),
        ('{"type": "outcome.1", "event": {"ordinal": 1}}', "decision"),
        ('{"type": "spec.1", "event": {"version": -1, "tenant": "a", "domain": "b", "spec": null}}', ">= 0"),
    ],
)
def test_wrong_lines(tmp_path, line, said):
    """The message names the file, the line and what is wrong."""
    path = tmp_path / "wrong.jsonl"
    path.write_text("\n" + line + "\n")
    with pytest.raises(EvaluationError, match=rf"wrong.jsonl:2: .*{re.escape(said)}"):
        list(read_export(path))


def test_the_command(export, tmp_path):
    """Table, JSON, picture and a state that goes on: all from the same export."""
    text = croupier("--from", export, "--policy", "uniform", "--policy", "arm:large")
    for part in (
        "4,000 outcomes",
        "what was logged earned",
        "doubly robust",
        "Switch-DR",
        "overlap good",
        "less always large",
    ):
        assert part in text, part
    found = json.loads(croupier("--from", export, "--json", "--plot", tmp_path / "p.png"))
    assert [policy["policy"] for policy in found["policies"]] == ["learned", "always-large", "coin"]
    assert {each["estimator"] for each in found["policies"][0]["values"]} == {
        "dm", "ips", "ips clipped", "snips", "switch-dr", "dros", "dr",
    }  # fmt: skip
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    state = tmp_path / "half.state"
    croupier("--from", export, "--policy", "learned", "--learn", 0.5, "--save-state", state)
    by_state = json.loads(croupier("--from", export, "--policy", f"state:{state}", "--learn", 0.5, "--json"))
    learned = json.loads(croupier("--from", export, "--policy", "learned", "--learn", 0.5, "--json"))
    assert by_state["policies"][0]["values"] == learned["policies"][0]["values"]
    assert croupier("--from", export, "--json") == croupier("--from", export, "--json")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--policy", "best"), "there is no such policy"),
        (("--policy", "arm:tiny"), "arms: small, medium, large"),
        (("--policy", "doubly_robust:gama=3"), "gama"),
        (("--policy", "doubly_robust:gamma"), "NAME=VALUE"),
        (("--policy", "state:nowhere"), "cannot be read"),
        (("--save-state", "x"), "give one --policy"),
        (("--policy", "uniform", "--save-state", "x"), "learns nothing"),
        (("--plot", "nowhere/p.png", "--policy", "uniform"), "cannot be written"),
    ],
)
def test_wrong_questions(export, options, said, monkeypatch, tmp_path):
    """Exit code 1, and a sentence that says what is wrong and what there is."""
    monkeypatch.chdir(tmp_path)
    assert said in json.loads(croupier("--from", export, "--json", *options, code=1))["error"]


def test_nothing_there(tmp_path):
    """Another domain, no outcomes, and no file: said, with what there is."""
    path = write_export(tmp_path / "only.jsonl", events(0))
    assert "has no outcomes" in croupier("--from", path, "--json", code=1)
    result = CliRunner().invoke(app, ["evaluate", "acme", "other", "--from", str(path), "--json"])
    assert "acme/model_routing" in json.loads(result.output)["error"]
    assert "cannot be read" in croupier("--from", tmp_path / "no.jsonl", "--json", code=1)


def test_a_learner_that_takes_a_removed_arm():
    """In an era without its arm, a fixed policy of parameters chooses by chance."""
    history = history_of(events(50), "acme", "model_routing")
    state = state_after(LearnerSpec("gone", "fixed", {"arm": "huge"}), history, 50)
    assert state.champion.kind == "uniform"


def test_missing_features_inputs_and_priors(tmp_path):
    """Features that are missing or come from other domains, and what a policy began with: as the learner has it."""
    spec = replace(
        SPEC, features=1, missing="mean", challengers=(), inputs=(Input("other", "choice", ("web",)),)
    )  # fmt: skip
    prior = scores([Score({}, {"large": 0.9, "small": 0.1}, 50)])
    found = [SpecChange(1, "acme", "model_routing", spec, {"learned": prior})]
    for i, each in enumerate(events(400)[1:]):
        features = np.frombuffer(each.decision.features, "<f4").copy()
        features[0] = np.nan if i % 3 == 0 else features[0]
        found.append(replace(each, decision=replace(each.decision, features=features.tobytes())))
    history = history_of(read_export(write_export(tmp_path / "x.jsonl", found)), "acme", "model_routing")
    assert history.eras[0].priors == {"learned": prior}
    policy = asked(history, "learned").policies[0]
    assert policy.outcomes == 400
    assert 0.0 <= value(policy).lower < value(policy).upper <= 1.0
    state = DomainState(spec, 1, {"learned": prior})
    state.learn(history.outcomes)
    assert state_after(spec.champion, history, 400).to_bytes() == state.to_bytes()
    unlike = DomainState(spec, 1)
    unlike.learn(history.outcomes)
    assert unlike.to_bytes() != state.to_bytes()
