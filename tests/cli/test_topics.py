"""`croupier topics` as an operator or a script meets it."""

import json

import pytest

from schemas.topics import ALL

from .conftest import croupier


@pytest.mark.kafka
def test_create_and_check(kafka, deployment_prefix):
    """Create makes every topic once, asked for another number afterwards it refuses, and check sees what is there."""
    options = ("--bootstrap", kafka.bootstrap_servers, "--prefix", deployment_prefix)
    assert "missing" in croupier("topics", "check", *options, code=4).stderr
    created = json.loads(croupier("topics", "create", "--partitions", "2", "--json", *options).stdout)
    assert created["partitions"] == 2
    assert sorted(created["created"]) == sorted(f"{deployment_prefix}{topic.name}" for topic in ALL)
    assert json.loads(croupier("topics", "check", "--json", *options).stdout) == {"partitions": 2}
    assert "as they must be" in croupier("topics", "check", *options).stdout


@pytest.mark.kafka
def test_create_again_takes_what_is_there(kafka, deployment_prefix):
    """Without --partitions, create adds what is missing to a deployment of any size, and changes nothing twice."""
    options = ("--bootstrap", kafka.bootstrap_servers, "--prefix", deployment_prefix)
    croupier("topics", "create", "--partitions", "2", *options)
    assert "were there already; keyed ones have 2" in croupier("topics", "create", *options).stdout
    again = json.loads(croupier("topics", "create", "--json", *options).stdout)
    assert again == {"created": [], "partitions": 2}
