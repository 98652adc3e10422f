"""Figures are means over seeds with Student's interval; the report has every name it promises."""

import json

import pytest
from scipy import stats

from benchmarks.learning import parts, pictures, pmlb
from benchmarks.learning.challenger import Judged
from benchmarks.learning.parts import PARTS, measure
from benchmarks.learning.peers import PEERS
from benchmarks.learning.runs import Found
from benchmarks.learning.seeds import over_seeds
from benchmarks.learning.tables import AIMS, markdown
from schemas.errors import CroupierError


def test_an_interval_is_student_s():
    """scipy's own interval of the same numbers; none from a single seed."""
    values = [0.21, 0.22, 0.19, 0.23, 0.2]
    found = over_seeds(values)
    low, high = stats.t.interval(0.95, 4, loc=found.mean, scale=stats.sem(values))
    assert (found.mean, found.low, found.high) == pytest.approx((0.21, low, high))
    assert over_seeds([0.3]) == (0.3, None, None)


def invented(run):
    """A result that is a function of the run, so that a mean over the wrong ones shows."""
    loss = 0.1 + 0.01 * run.seed + (0.2 if run.player in PEERS else 0.0) + run.delay / 10_000
    judged = None if run.player in PEERS else Judged(0.5, 0.02, 0.4, 0.6, 0.55)
    return Found(loss, 300.0 if run.player in PEERS else 30.0, judged)


def test_the_report_of_pmlb_has_every_figure():
    """Every promised name is there; means, what a delay adds, coverage and speed are those of the runs."""
    seeds = range(3)
    report = pmlb.report(seeds, {run: invented(run) for run in pmlb.planned(seeds, ("yeast", "letter"))})
    for figure in (*pmlb.FIGURES, *PARTS["pmlb"].figures):
        assert {figure, f"{figure}_low", f"{figure}_high"} <= report.keys()
    assert report["pmlb_best"] == pytest.approx(0.11)
    assert report["pmlb_delay_100"] == pytest.approx(0.01)
    assert report["pmlb_river"] == pytest.approx(0.31)
    assert report["pmlb_evaluable_coverage"] == 0.0
    assert report["pmlb_evaluable_reported"] == 1.0
    assert report["pmlb_evaluable_width"] == pytest.approx(0.1)
    assert report["pmlb_best_error"] == pytest.approx(0.05)
    assert report["speedup_over_peers"] == pytest.approx(10.0)
    assert "| yeast |" in markdown(report)


def test_a_peer_that_loses_less_makes_the_speed_up_nothing():
    """Being faster counts at equal or lower loss only."""
    runs = {run: invented(run) for run in pmlb.planned(range(1), ("yeast",))}
    runs = {run: found._replace(loss=0.01) if run.player == "river" else found for run, found in runs.items()}
    assert pmlb.report(range(1), runs)["speedup_over_peers"] == 0.0


def test_a_slow_program_may_play_the_first_rows_only_and_it_is_said():
    """Its runs are so short, the report and its table say so, and nothing is as fast as it."""
    runs = pmlb.planned(range(1), ("yeast",), {"river": 400})
    assert {run.rows for run in runs if run.player == "river"} == {400}
    found = {run: invented(run)._replace(microseconds=1.0 if run.player == "river" else 60.0) for run in runs}
    report = pmlb.report(range(1), found)
    assert report["pmlb"]["first_rows_only"] == {"river": 400}
    assert report["speedup_over_peers"] == 1.0
    assert "the first 400 rows of each set only" in markdown(report)


def test_a_part_that_leaves_a_figure_out_is_an_error(monkeypatch):
    """It is named, with the file to look at."""
    monkeypatch.setattr(pmlb, "run", lambda quick: {"pmlb_best": 0.2})
    with pytest.raises(CroupierError, match=r"pmlb\.py: run\(\) gave no pmlb_evaluable, "):
        measure("pmlb", quick=True)


def test_aims_are_of_figures_that_are_measured():
    """Every aim's figure is promised by a part."""
    promised = {figure for part in parts.PARTS.values() for figure in part.figures}
    assert {aim.figure for aim in AIMS} <= promised


def test_pictures_are_drawn_from_a_report(tmp_path):
    """A PNG of less than 100 kB for every picture, from the report as it was printed, intervals or none."""
    for seeds in (range(1), range(2)):
        report = pmlb.report(seeds, {run: invented(run) for run in pmlb.planned(seeds, ("yeast", "letter"))})
        (tmp_path / "report.json").write_text(json.dumps(report))
        pictures.main(tmp_path / "report.json", tmp_path / "drawn")
        drawn = list((tmp_path / "drawn").iterdir())
        assert len(drawn) == 2
        assert all(path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size < 100_000 for path in drawn)
