"""A renderable as plain text, wide enough for every table."""

import io

from rich.console import Console


def shown(renderable):
    file = io.StringIO()
    Console(file=file, width=200, no_color=True).print(renderable)
    return file.getvalue()
