"""`croupier console`: accounts from the command line, and a console that is really served."""

import os
import re
import signal
import socket
import subprocess
import sys

import httpx
import pytest
from typer.testing import CliRunner

from infra.cli import app
from infra.console.accounts import Accounts
from infra.console.beside import console_beside
from infra.console.database import open_database

PASSWORD = "a password of some length"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CROUPIER_HOME", str(tmp_path))
    monkeypatch.delenv("CROUPIER_PREFIX", raising=False)
    return tmp_path


def croupier(*arguments, code=0, typed=None):
    result = CliRunner().invoke(app, ["console", *arguments], input=typed)
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    return result.stdout + result.stderr


def test_accounts(home):
    """Added, changed, listed, removed; what cannot be is refused with what is expected, and nothing is changed."""
    assert "There is no account" in croupier("user", "list")
    croupier("user", "add", "anna", "--role", "admin", typed=f"{PASSWORD}\n{PASSWORD}\n")
    croupier("user", "add", "vera", "--tenant", "acme", "--password-stdin", typed=PASSWORD)
    assert re.search(r"anna\s+admin\s+all tenants\nvera\s+viewer\s+acme", croupier("user", "list"))
    croupier("user", "change", "vera", "--role", "operator")
    croupier("user", "password", "vera", "--password-stdin", typed=PASSWORD + "!")
    with open_database(home) as database:
        accounts = Accounts(database)
        assert accounts.verify("vera", PASSWORD + "!")
        assert (accounts.find("vera").role, accounts.find("vera").tenants) == ("operator", None)
    for arguments, typed, said in (
        (("user", "add", "vera", "--password-stdin"), PASSWORD, "already"),
        (("user", "add", "x", "--password-stdin"), "short", "12 to 1024 characters"),
        (("user", "add", "x", "--role", "king", "--password-stdin"), PASSWORD, "viewer, operator, admin"),
        (("user", "add", "x", "--role", "admin", "--tenant", "acme", "--password-stdin"), PASSWORD, "sees all tenants"),
        (("user", "remove", "nobody"), None, "accounts: anna, vera"),
        (("link", "nobody"), None, "accounts: anna, vera"),
        (("--public-url", "console.example.org"), None, "https://console.example.org"),
    ):
        assert said in " ".join(croupier(*arguments, code=1, typed=typed).split())
    croupier("user", "remove", "vera")
    assert "vera" not in croupier("user", "list")


def test_it_is_served(home):
    """It says where it is, signs somebody in by a link, and ends with Ctrl-C, whatever the broker does."""
    croupier("user", "add", "anna", "--role", "admin", "--password-stdin", typed=PASSWORD)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.cli", "console", "--port", str(port), "--bootstrap", "127.0.0.1:1"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        assert f"http://127.0.0.1:{port}" in process.stdout.readline()
        url = croupier("link", "anna", "--port", str(port)).strip()
        with httpx.Client(follow_redirects=True) as client:
            page = client.get(url).text
            fields = dict(re.findall(r'name="(token|link)" value="([^"]+)"', page))
            answer = client.post(f"http://127.0.0.1:{port}/login/link", data=fields)
            assert answer.status_code == 200
            assert "<h1>Overview</h1>" in answer.text
            with client.stream("GET", f"http://127.0.0.1:{port}/live/health") as stream:
                assert next(stream.iter_lines()).startswith("data: ")
                process.send_signal(signal.SIGINT)
        assert process.wait(30) in (0, 130)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def test_beside_a_deployment(home):
    """The demo's console serves, its link signs an admin in, and it is gone after the block."""
    async with (
        console_beside(home, "127.0.0.1:1", "x-") as beside,
        httpx.AsyncClient(follow_redirects=True) as client,
    ):
        page = (await client.get(beside.link)).text
        fields = dict(re.findall(r'name="(token|link)" value="([^"]+)"', page))
        answer = await client.post(f"http://127.0.0.1:{beside.port}/login/link", data=fields)
        assert "<h1>Overview</h1>" in answer.text
        assert "Audit log" in answer.text
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://127.0.0.1:{beside.port}/healthz")
