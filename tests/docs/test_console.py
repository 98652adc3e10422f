"""docs/console.md against the console."""

import re

from infra.console.roles import ROLES

from .pages import ROOT, code, rows, text

PAGE = text("console.md")


def test_actions_of_the_audit_log():
    """Every action that is written down is explained, and no other."""
    sources = "\n".join(path.read_text() for path in sorted((ROOT / "infra" / "console").rglob("*.py")))
    written = set(re.findall(r'"((?:signed|sign|password|session|specification|domain|dead-letter)-[a-z-]+)"', sources))
    assert {name for row in rows(PAGE, "action", "means") for name in code(row[0])} == written


def test_roles():
    """Those of the table are those that there are, in their order."""
    assert [row[0] for row in rows(PAGE, "role", "may")] == list(ROLES)
