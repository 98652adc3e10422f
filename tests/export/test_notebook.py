"""The notebook runs from the first cell to the last on an export."""

import asyncio
import contextlib
import io
import json

import matplotlib as mpl

from infra.export.run import export
from tests.docs.pages import ROOT

from .recorded import recorded


def test_every_cell_runs(tmp_path, monkeypatch):
    """From the export to a doubly robust estimate of every arm, and two pictures."""
    asyncio.run(export(recorded(300), tmp_path))
    monkeypatch.setenv("CROUPIER_EXPORT", str(tmp_path))
    mpl.use("Agg")
    notebook = json.loads((ROOT / "docs" / "export.ipynb").read_text(encoding="utf-8"))
    space, said = {}, io.StringIO()
    with contextlib.redirect_stdout(said):
        for number, cell in enumerate(notebook["cells"]):
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), f"cell {number}", "exec"), space)
    for arm in ("small", "large", "vision"):
        assert f"arm:{arm}: 0." in said.getvalue()
    for picture in ("values.png", "hours.png"):
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")
