"""Templates to pages.  All that a page shows is escaped, and characters that hide or reorder text are written out."""

import hashlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from infra.readable.characters import printable
from infra.readable.line import observed
from infra.readable.plain import iso
from infra.readable.quantities import count, span, usd

STATIC: Final = Path(__file__).parent / "static"


class View(NamedTuple):
    """What a page shows: a template and what it is filled with."""

    template: str
    context: Mapping[str, Any]
    status: int = 200


def _final(value: Any) -> Any:
    if value is None:
        return "–"  # noqa: RUF001 - what is not known
    return printable(value) if type(value) is str else value


def _text(value: str) -> Markup:
    """As it is, with its lines: for text areas and pre."""
    lines = value.replace("\r\n", "\n").split("\n")
    return Markup("\n").join(escape("\t".join(map(printable, line.split("\t")))) for line in lines)


def _percent(share: float | None, digits: int = 1) -> str | None:
    return None if share is None else f"{100.0 * share:,.{digits}f}%"


def _number(value: float | None, digits: int = 3) -> str | None:
    return None if value is None else f"{value:,.{digits}f}"


def _moment(seconds: float | None) -> Markup | None:
    """A time that scripts can put into the reader's own zone."""
    if seconds is None:
        return None
    utc = iso(int(seconds * 1000))
    return Markup('<time datetime="{}">{}</time>').format(utc, utc[:19].replace("T", " ") + " UTC")


def address(path: str, **query: Any) -> str:
    """Of a page, with what is not None as its query: names may hold anything."""
    told = {key: value for key, value in query.items() if value is not None and value != ""}
    return f"{path}?{urlencode(told)}" if told else path


def _static(name: str) -> str:
    """Of a file that is kept by browsers until its contents change."""
    return f"/static/{hash_of(name)}/{name}"


def hash_of(name: str) -> str:
    """Of the contents of a file of `static`."""
    if name not in _hashes:
        _hashes[name] = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:16]
    return _hashes[name]


_hashes: dict[str, str] = {}


def environment() -> Environment:
    """With the filters that templates use."""
    made = Environment(
        loader=PackageLoader("infra.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_final,
    )
    made.filters |= {
        "text": _text,
        "percent": _percent, "number": _number, "moment": _moment, "usd": _some(usd), "span": _some(span),
        "observed": observed, "count": count, "ms": lambda value: None if value is None else span(value),
        "moment_ms": lambda value: None if value is None else _moment(value / 1000.0),
    }  # fmt: skip
    made.globals |= {"address": address, "static": _static, "now": time.time, "utc": UTC, "datetime": datetime}
    return made


def _some(show: Any) -> Any:
    return lambda value: None if value is None else show(value)


class Renderer:
    """Whole pages, and the part of a page that changes while it is open."""

    def __init__(self) -> None:
        self._environment = environment()
        for name in self._environment.list_templates():  # compiled now, so that nobody waits for it
            self._environment.get_template(name)

    def page(self, view: View, common: Mapping[str, Any]) -> str:
        """The whole."""
        return self._environment.get_template(view.template).render(self._filled(view, common))

    def live(self, view: View, common: Mapping[str, Any]) -> str:
        """What its block `live` shows."""
        template = self._environment.get_template(view.template)
        return "".join(template.blocks["live"](template.new_context(self._filled(view, common))))

    def _filled(self, view: View, common: Mapping[str, Any]) -> dict[str, Any]:
        macros = self._environment.get_template("macros.html").make_module(dict(common))
        return {"section": "", **common, **view.context, "m": macros}
