import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from infra.kafka.container import IMAGE
from infra.kafka.settings import image_environment

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
#: What the command line reads, by design; test_commands_and_variables_exist compares with its --help.
VARIABLES = {
    "KAFKA_BOOTSTRAP_SERVERS",
    "CROUPIER_PREFIX",
    "CROUPIER_STATE_DIR",
    "CROUPIER_HTTP_PORT",
    "CROUPIER_HTTP_HOST",
}
OURS = {
    "topics": ["topics", "create"],
    "worker": ["worker"],
    "analytics": ["analytics"],
    "monitor": ["monitoring", "serve"],
}
#: Those of the profile `monitoring` that are programs of others, or write files for them.
WATCHING = {"monitoring-files", "prometheus", "alertmanager", "grafana"}


def _services() -> dict:
    return yaml.safe_load(COMPOSE.read_text())["services"]


def test_docker_compose_accepts_the_file(tmp_path):
    """`docker compose config` reads the file where it exists; elsewhere every reference in it is followed here."""
    docker = shutil.which("docker")
    plugin = docker and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0
    if plugin:
        done = subprocess.run([docker, "compose", "-f", COMPOSE, "config", "--quiet"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    document = yaml.safe_load(COMPOSE.read_text())
    services = document["services"]
    assert set(services) == {"kafka", *OURS, *WATCHING}
    assert all(services[name]["profiles"] == ["monitoring"] for name in {"monitor", *WATCHING})
    for name, service in services.items():
        build = service.get("build")
        if build:
            assert (ROOT / build["context"] / build["dockerfile"]).is_file()
        for other, condition in service.get("depends_on", {}).items():
            assert other in services, f"{name} depends on {other}"
            if condition["condition"] == "service_healthy":
                assert "healthcheck" in services[other]
        for volume in service.get("volumes", []):
            source, colon, _ = volume.partition(":")
            there = source in document["volumes"] or (source.startswith("./") and (ROOT / source).is_file())
            assert not colon or there, f"{name} mounts {source}"


def test_services_run_our_commands_with_our_variables():
    """Each of our services runs a croupier command, waits for the topics, restarts, and sets variables we read."""
    services = _services()
    for name, command in OURS.items():
        service = services[name]
        assert service["command"] == command
        assert set(service["environment"]) <= VARIABLES | {"CROUPIER_TARGETS"}
        assert service["environment"]["KAFKA_BOOTSTRAP_SERVERS"] == "kafka:9092"
        assert "restart" in service
    for name in ("worker", "analytics"):
        assert set(services[name]["environment"]) == VARIABLES
        assert services[name]["depends_on"] == {"topics": {"condition": "service_completed_successfully"}}
        assert services[name]["restart"] == "unless-stopped"
        assert services[name]["init"]  # signals reach the process, and its end is the container's
        state = services[name]["environment"]["CROUPIER_STATE_DIR"]
        assert any(volume.split(":")[-1] == state for volume in services[name]["volumes"])
    # A named volume or a fixed name or port would be shared by the replicas of `--scale worker=2`.
    assert services["worker"]["volumes"][0] == services["worker"]["environment"]["CROUPIER_STATE_DIR"]
    assert not {"container_name", "ports"} & set(services["worker"])


@pytest.mark.skipif(not (ROOT / "infra" / "cli.py").exists(), reason="there is no command line in this checkout")
@pytest.mark.parametrize("service", sorted(OURS))
def test_commands_and_variables_exist(service, monkeypatch):
    """The command line itself says that it has the commands and reads the variables the file uses."""
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("TERMINAL_WIDTH", "300")
    croupier = Path(sys.executable).with_name("croupier")
    done = subprocess.run([croupier, *OURS[service], "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for variable in _services()[service]["environment"]:
        assert variable in done.stdout


def test_health_check_fails_when_nobody_answers(tmp_path):
    """The health check is a program of ours, asks /health at the port of the environment, and fails with the reason.
    What it does with a process that is not well: tests/supervising/test_healthcheck.py."""
    kind, python, *program = _services()["worker"]["healthcheck"]["test"]
    assert (kind, python) == ("CMD", "python")
    environment = {"CROUPIER_HTTP_PORT": "1", "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *program], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "http://127.0.0.1:1/health" in done.stderr
    assert "refused" in done.stderr


def test_kafka_is_the_same_everywhere():
    """The image and the broker's settings are those of the brokers that `infra.kafka` starts."""
    kafka = _services()["kafka"]
    assert kafka["image"] == IMAGE
    expected = image_environment("", 0, 0)
    own = {name for name in expected if "LISTENER" in name and "NAMES" not in name} | {"KAFKA_CONTROLLER_QUORUM_VOTERS"}
    for name in expected.keys() - own:
        assert kafka["environment"].get(name) == expected[name], name
    assert set(kafka["environment"]) == set(expected) | {"KAFKA_LOG_DIRS"}


def test_image_has_what_the_project_says():
    """The Dockerfile copies every package the project has, runs without privileges, and uses a Python we support."""
    text = (ROOT / "infra/deploy/Dockerfile").read_text()
    assert re.search(r"^FROM python:3\.11-slim$", text, re.MULTILINE)
    assert re.search(r"^USER croupier$", text, re.MULTILINE)
    import tomllib

    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
    ignored = (ROOT / ".dockerignore").read_text().split()
    for package in packages:
        assert f"COPY {package} {package}\n" in text
        assert f"!{package}" in ignored
