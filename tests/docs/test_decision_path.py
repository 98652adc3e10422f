"""docs/decision-path.md against the code."""

import re
from typing import get_args

from prometheus_client import CollectorRegistry

from producers.deciding import path as deciding
from producers.deciding.metrics import PathMetrics
from producers.deciding.spool import DEFAULT_BYTES

from .pages import ROOT, code, rows, text

PAGE = text("decision-path.md")


def test_every_metric_is_on_the_page():
    """Names and labels, none missing and none that is not there."""
    registry = CollectorRegistry()
    metrics = PathMetrics(registry)
    labels = {each._name: list(each._labelnames) for each in vars(metrics).values()}
    told = {}
    for names, given, _ in rows(PAGE, "metric", "labels", "is"):
        for name in code(names):
            told[name.removesuffix("_total")] = [each.strip() for each in given.split(",") if each.strip()]
    assert told == labels


def test_every_way_of_answering_is_on_the_page():
    """The values of `how`."""
    assert [code(how)[0] for how, _, _ in rows(PAGE, "`how`", "means", "the arm is")] == list(get_args(deciding.How))


def test_log_lines_are_those_of_the_code():
    """Each line that the page explains begins a message that the code writes."""
    sources = "".join(path.read_text() for path in (ROOT / "producers" / "deciding").glob("*.py"))
    lines = [code(line)[0] for line, _ in rows(PAGE, "log line", "what to do")]
    assert len(lines) >= 7
    for line in lines:
        assert re.search(rf'"{re.escape(line)}', sources), line


def test_figures_on_the_page():
    """The deadline and the bound that it names are the defaults."""
    assert f"deadline ({deciding.DEADLINE_MS:g} ms)" in PAGE
    assert f"{DEFAULT_BYTES // 2**20} MiB by" in PAGE
