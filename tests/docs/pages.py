"""The pages, and what is marked in them."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")])


def text(name):
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def blocks(page, language):
    """The contents of the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def rows(page, *header):
    """The rows of the table with this header, as lists of cells."""
    line = "| " + " | ".join(header) + " |"
    assert line in page, line
    found = []
    for each in page.split(line, 1)[1].splitlines()[2:]:
        if not each.startswith("|"):
            break
        found.append([cell.strip() for cell in each.removeprefix("|").removesuffix("|").split("|")])
    return found


def code(cell):
    """What stands in backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)
