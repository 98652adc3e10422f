"""`python -m benchmarks.starts` measures what its tables say."""

import io

from rich.console import Console

from benchmarks import starts


def test_a_small_run_has_every_figure(monkeypatch):
    """Both tables have a row for each beginning, all of them shares, and right priors come before wrong ones."""
    monkeypatch.setattr(starts, "RECORDINGS", {"stand-in-analysis": "success"})
    monkeypatch.setattr(starts, "SLOW", ("stand-in-analysis",))
    monkeypatch.setattr(starts, "EACH", 100)
    report = starts.measure(1, 800)
    rows = report["priors"]["stand-in-analysis"]
    assert len(rows) == 4
    assert len(report["fleets"]["stand-in-analysis"]) == 1 + len(starts.FLEETS)
    assert all(0 <= mean <= 1 for part in ("priors", "fleets") for each in report[part].values()
               for means in each.values() for mean in means)  # fmt: skip
    right, wrong = (rows[f"2,000 {what}, counted as 500"][0] for what in ("outcomes", "wrong ones"))
    assert right > rows["nothing"][0] > wrong
    told = io.StringIO()
    starts.show(Console(file=told, width=120), report)
    assert all(name in told.getvalue() for name in rows)
