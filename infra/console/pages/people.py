"""For admins: who is signed in, and the audit log."""

from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from ..rendering import View
from ..site import Asked, Page

_LISTED: Final = 200


async def people(asked: Asked) -> View:
    """Accounts and open sessions."""
    console = asked.console
    return View(
        "people.html", {"accounts": console.accounts.all(), "sessions": console.sessions.all(), "own": asked.session}
    )


async def revoke(asked: Asked) -> Any:
    """End a session."""
    ended = asked.console.sessions.revoke(asked.form.get("session", ""))
    if ended is None:
        raise HTTPException(404, "There is no such session (any more).")
    asked.console.trail.note(
        asked.person.name, asked.person.role, "session-ended", f"session {ended.number} of {ended.person.name}"
    )
    return RedirectResponse("/people", 303)


async def audit(asked: Asked) -> View:
    """What people did, the last first."""
    who, action = asked.query("who"), asked.query("action")
    entries = [
        (offset, entry)
        for offset, entry in reversed(asked.console.trail.entries)
        if who in (None, entry.who) and action in (None, entry.action)
    ]
    actions = sorted({entry.action for _, entry in asked.console.trail.entries})
    return View("audit.html", {"entries": entries[:_LISTED], "actions": actions, "who": who, "action": action})


PAGES = (
    Page("/people", people, role="admin"),
    Page("/people/revoke", revoke, role="admin", method="POST"),
    Page("/audit", audit, role="admin", live=True),
)
