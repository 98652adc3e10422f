"""The command line as a whole: help, version, usage, errors and interruption."""

import re
import signal
from importlib.metadata import version

import pytest
import typer
from typer.testing import CliRunner

from infra.cli import ExplainedGroup
from schemas.errors import BadRecordError, BrokerUnavailableError, Reason, SpecificationError, TopicsMismatchError

from .conftest import croupier, start_croupier
from .written import reward


def test_help_names_every_command_and_the_exit_codes():
    """`croupier --help` lists the commands that exist, and what exit codes mean."""
    text = croupier("--help").stdout
    for command in ("domains", "topics", "tail", "explain", "status", "worker", "analytics", "up", "replay", "demo"):
        assert re.search(rf"^│ {command} ", text, re.MULTILINE), command
        assert croupier(command, "--help").stdout
    assert "Exit codes" in text


def test_version():
    """--version prints the installed version and nothing else."""
    assert croupier("--version").stdout == f"croupier {version('croupier')}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing",),
        ("tail",),
        ("tail", "nowhere"),
        ("tail", "joiner-state"),
        ("tail", "decisions", "--from", "middle"),
        ("tail", "decisions", "--from", "5"),
        ("topics", "create", "--partitions", "3"),
        ("topics", "create", "--partitions", "2048"),
        ("explain",),
        ("explain", "x", "--since", "yesterday"),
    ],
)
def test_wrong_usage_exits_with_2(arguments):
    """Options, topics and places that do not exist are usage errors, told on standard error, before any connection."""
    result = croupier(*arguments, code=2)
    assert result.stdout == ""
    assert result.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SpecificationError("the text"), 1),
        (BadRecordError(Reason.INVALID, "the text"), 1),
        (TopicsMismatchError("the text"), 4),
        (BrokerUnavailableError("the text"), 4),
    ],
)
def test_errors_end_with_their_sentence(error, code):
    """An error raised on purpose anywhere in a command ends it with its text on stderr, no traceback, and its code."""
    app = typer.Typer(cls=ExplainedGroup)

    @app.callback()
    def top():
        pass

    @app.command()
    def fail():
        raise error

    result = CliRunner().invoke(app, ["fail"])
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", f"{error}\n")


@pytest.mark.parametrize(
    "arguments",
    [("topics", "check"), ("topics", "create"), ("tail", "decisions"), ("explain", "x"), ("status",)],
)
def test_without_a_broker_the_exit_code_is_4(arguments):
    """No broker configured, or none answering, exits with 4 and says how to start one; with --json as JSON."""
    assert "croupier up" in croupier(*arguments, code=4).stderr
    assert "croupier up" in croupier(*arguments, "--bootstrap", "127.0.0.1:1", code=4).stderr
    assert '{"error": "no broker' in croupier(*arguments, "--json", code=4).stdout


@pytest.mark.kafka
@pytest.mark.parametrize("arguments", [("topics", "check"), ("tail", "decisions"), ("explain", "x"), ("status",)])
def test_without_topics_the_exit_code_is_4(kafka, deployment_prefix, arguments):
    """A broker without this deployment's topics exits with 4 and says how to create them."""
    options = ("--bootstrap", kafka.bootstrap_servers, "--prefix", deployment_prefix)
    result = croupier(*arguments, *options, code=4)
    assert "croupier topics create" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.kafka
async def test_interrupted_exits_with_130(deployment):
    """Ctrl-C ends a command that follows with 130 and without a traceback."""
    await deployment.append(("rewards", "acme", reward("r", "d", success=1)))
    process = await start_croupier("tail", "rewards", *deployment.options)
    assert process.stdout is not None
    assert b"success 1" in await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, errors = await process.communicate()
    assert (process.returncode, rest, errors) == (130, b"", b"")
