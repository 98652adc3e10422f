"""How commands speak: results on standard output, complaints on standard error, JSON for machines."""

import json

import typer
from rich.console import Console, RenderableType


def show(renderable: RenderableType) -> None:
    """Print a table."""
    Console().print(renderable)


def say(text: str) -> None:
    """Print a sentence."""
    Console().print(text, markup=False, highlight=False, soft_wrap=True)


def complain(text: str) -> None:
    """Print a sentence to standard error."""
    Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)


def print_json(value: object) -> None:
    """Print one line of JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False))
