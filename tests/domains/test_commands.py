"""`croupier domains` as an operator or a script meets it."""

import asyncio
import json
import re
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from infra.commands.domains import app
from infra.connection import bootstrap_servers
from infra.domains.file import parse
from infra.kafka.topics import create_topics
from schemas.errors import BrokerUnavailableError

from .broken import BROKEN, GOOD, broken_text
from .log import learned, records

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def no_deployment(monkeypatch, tmp_path):
    """No broker is configured but by the test."""
    for variable in ("KAFKA_BOOTSTRAP_SERVERS", "CROUPIER_HOME", "CROUPIER_PREFIX"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.toml"
    path.write_text(GOOD)
    return str(path)


@pytest.fixture
def options(kafka, deployment_prefix):
    asyncio.run(create_topics(kafka.bootstrap_servers, prefix=deployment_prefix, partitions=2))
    return ["--bootstrap", kafka.bootstrap_servers, "--prefix", deployment_prefix]


def run(*arguments, code=0):
    result = RUNNER.invoke(app, [str(each) for each in arguments])
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    return result


def test_check_needs_no_broker(good, tmp_path):
    """A right file is checked without a broker; a wrong one exits with 1 and one line for each problem on stderr."""
    assert "2 domains" not in run("check", good).stdout
    assert "3 domains" in run("check", good).stdout
    assert len(json.loads(run("check", good, "--json").stdout)["domains"]) == 3
    case = next(case for case in BROKEN if case.name == "kind misspelled")
    (tmp_path / "bad.toml").write_text(broken_text(case))
    result = run("check", "bad.toml", code=1)
    assert result.stdout == ""
    first, last = result.stderr.splitlines()
    assert re.match(r"bad\.toml:\d+: domain acme/model_routing: champion\.kind: found", first)
    assert "1 problem" in last
    (problem,) = json.loads(run("check", "bad.toml", "--json", code=1).stdout)["problems"]
    assert problem["line"] == int(first.split(":")[1])
    assert problem["hint"] == 'Did you mean "doubly_robust"?'


def test_usage_errors_exit_with_2(good):
    """What typer refuses exits with 2, as everywhere."""
    run("apply", good, "--no-such-option", code=2)
    run("apply", code=2)


def test_without_a_broker_the_exit_code_is_4(good):
    """No broker configured, or none answering, exits with 4 and says how to start one."""
    assert "croupier up" in run("apply", good, code=4).stderr
    assert "croupier up" in run("show", "--bootstrap", "127.0.0.1:1", code=4).stderr
    assert "croupier up" in json.loads(run("show", "--json", code=4).stdout)["error"]


@pytest.mark.kafka
def test_a_broken_file_changes_nothing(options, tmp_path):
    """None of the broken files puts a record into any topic, and each exits with 1."""
    for case in BROKEN:
        (tmp_path / "bad.toml").write_text(broken_text(case))
        run("apply", "bad.toml", "--yes", *options, code=1)
    for topic in ("specs", "outcomes"):
        assert not any(asyncio.run(records(options[1], f"{options[3]}{topic}")))


@pytest.mark.kafka
def test_apply_show_change_and_remove(options, good):
    """The commands together: apply says what changed and that no worker runs, show shows it, remove removes it."""
    assert "No domains are in force" in run("show", *options).stdout
    first = run("apply", good, *options).stdout
    assert first.count("domain added") == 3
    assert "no worker has read it yet" in first
    again = run("apply", good, "--no-wait", *options).stdout
    assert again.count("nothing") == 3
    assert "as before" in again
    entries = json.loads(run("show", "--json", *options).stdout)
    specs = parse(GOOD, "good.toml")[0]
    expected = sorted(
        ({"version": version, **msgspec.to_builtins(spec)} for version, spec in enumerate(specs)),
        key=lambda entry: (entry["tenant"], entry["domain"]),
    )
    assert entries == json.loads(json.dumps(expected))
    assert len(json.loads(run("show", "acme", "--json", *options).stdout)) == 2
    assert "0.03" in run("show", "acme", "model_routing", *options).stdout
    assert "acme/model_routing" in run("show", "acme", "routing", *options, code=1).stderr
    with Path(good).open("a") as file:
        file.write('challengers = [{ name = "still", kind = "fixed", params = { arm = "wave" } }]\n')
    assert "challenger still" in run("apply", good, "--no-wait", "--yes", *options).stdout
    (removed,) = json.loads(run("remove", "acme", "model_routing", "--yes", "--json", *options).stdout)
    assert (removed["changed"], removed["learned"]) == (True, False)
    assert len(json.loads(run("show", "--json", *options).stdout)) == 2
    assert "known are" in run("remove", "acme", "nothing", "--yes", *options, code=1).stderr
    assert len(asyncio.run(learned(options[1], options[3]))) == 2


@pytest.mark.kafka
def test_an_explicit_wait_that_fails_exits_with_3(options, good):
    """With --wait, workers that have not read it in time are a failure, though it is in the log."""
    result = run("apply", good, "--wait", "--timeout", "0", "--json", *options, code=3)
    assert [entry["learned"] for entry in json.loads(result.stdout)] == [False] * 3
    assert len(asyncio.run(learned(options[1], options[3]))) == 3


@pytest.mark.kafka
def test_environment_names_broker_and_prefix(options, good, monkeypatch):
    """KAFKA_BOOTSTRAP_SERVERS and CROUPIER_PREFIX stand in for the options."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", options[1])
    monkeypatch.setenv("CROUPIER_PREFIX", options[3])
    run("apply", good, "--no-wait")
    assert len(json.loads(run("show", "--json").stdout)) == 3


def test_where_the_broker_comes_from(monkeypatch, tmp_path):
    """Option before environment before the local deployment's record; a record that is no use is explained."""
    with pytest.raises(BrokerUnavailableError, match="croupier up"):
        bootstrap_servers(None)
    home = tmp_path / ".croupier"
    home.mkdir()
    (home / "broker.json").write_text('{"bootstrap_servers": "127.0.0.1:3"}')
    assert bootstrap_servers(None) == "127.0.0.1:3"
    monkeypatch.setenv("CROUPIER_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(BrokerUnavailableError, match="elsewhere"):
        bootstrap_servers(None)
    monkeypatch.setenv("CROUPIER_HOME", str(home))
    assert bootstrap_servers(None) == "127.0.0.1:3"
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:2")
    assert bootstrap_servers(None) == "127.0.0.1:2"
    assert bootstrap_servers("127.0.0.1:1") == "127.0.0.1:1"
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS")
    for wrong in ("", "[]", "{}", '{"bootstrap_servers": 3}', '{"bootstrap_servers": ""}'):
        (home / "broker.json").write_text(wrong)
        with pytest.raises(BrokerUnavailableError, match=r"broker\.json .*croupier up"):
            bootstrap_servers(None)
