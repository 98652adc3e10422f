"""Every page: commands that exist, links that lead somewhere."""

import re
import shlex

import pytest
import typer.main

from infra.cli import app

from .pages import PAGES, ROOT

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def relative(page):
    return str(page.relative_to(ROOT))


def commands(page):
    """Command lines that stand at the beginning of a line of a code block, or in backticks."""
    text = page.read_text(encoding="utf-8")
    fenced = re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [line.removeprefix("$ ") for block in fenced for line in block.splitlines()]
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    lines += re.findall(r"`([^`\n]+)`", prose.replace("\n", " "))
    return [line.split("#")[0].strip() for line in lines if line.startswith("croupier ") and "|" not in line]


def check(line):
    """Walk down to the command, then look for each option that is named."""
    words = shlex.split(line.split(">")[0].replace("...", ""))[1:]
    command = typer.main.get_command(app)
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        name = words.pop(0)
        assert name in command.commands, f"{line}: there is no command {name}"
        command = command.commands[name]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    known |= {"--help"}
    for word in words:
        if re.match(r"--?[a-z]", word):
            assert word.split("=")[0] in known, f"{line}: there is no option {word}"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_commands_exist(page):
    """Every croupier command on a page, and every option it is given, exists."""
    for line in commands(page):
        check(line)


def test_the_check_finds_what_is_wrong():
    """A command or an option that does not exist is found."""
    check("croupier tail decisions --from -5 --no-follow")
    for wrong in ("croupier tails decisions", "croupier tail decisions --fromm -5", "croupier domains applied x"):
        with pytest.raises(AssertionError, match="there is no"):
            check(wrong)
    assert sum(len(commands(page)) for page in PAGES) > 20


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page):
    """Every relative link is a file here, and its anchor a heading there."""
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            headings = {
                re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
                for heading in HEADING.findall(target.read_text(encoding="utf-8"))
            }
            assert anchor in headings, link
