"""How commands speak: results on standard output, complaints on standard error, JSON for machines."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text


def show(renderable: RenderableType) -> None:
    """Print a table."""
    Console().print(renderable)


def say(text: str) -> None:
    """Print a sentence."""
    Console().print(text, markup=False, highlight=False, soft_wrap=True)


def complain(text: str) -> None:
    """Print a sentence to standard error."""
    Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def working(text: str) -> Iterator[Callable[[str], None]]:
    """While something takes time, say on a terminal what is going on; the function given changes the text."""
    with Console(stderr=True).status(text) as status:
        yield lambda changed: status.update(changed)


@contextmanager
def live() -> Iterator[Callable[[RenderableType], None]]:
    """Show something that changes, in place on a terminal and one after another elsewhere."""
    console = Console()
    if not console.is_terminal:
        yield console.print
        return
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as display:
        yield lambda renderable: display.update(renderable, refresh=True)


def print_line(text: Text) -> None:
    """Print one line, coloured on a terminal and never wrapped elsewhere."""
    Console(highlight=False).print(text, soft_wrap=True)


def print_json(value: object) -> None:
    """Print one line of JSON, in ASCII: right in every locale, and nothing in it can move a terminal's cursor."""
    typer.echo(json.dumps(value))
