"""One's own account: the password, and sessions elsewhere."""

import asyncio
from typing import Any

from starlette.responses import RedirectResponse

from ..rendering import View, address
from ..roles import AccountError
from ..site import Asked, Page


async def account(asked: Asked) -> View:
    """What one is here."""
    return View("account.html", {"done": asked.query("done"), "trouble": None})


async def password(asked: Asked) -> Any:
    """Another password; sessions elsewhere end."""
    console, name = asked.console, asked.person.name
    if not asked.person.local:
        raise AccountError("Your password is the issuer's; change it there.")
    new = asked.form.get("new", "")
    if new != asked.form.get("again", ""):
        return _trouble("The new password was not typed the same twice.")
    if not await console.sign_in.verified(asked.request, name, asked.form.get("old", "")):
        return _trouble("The present password is wrong.")
    try:
        await asyncio.to_thread(console.accounts.set_password, name, new)
    except AccountError as error:
        return _trouble(f"{error}.")
    console.trail.note(name, asked.person.role, "password-changed")
    # Changing it has ended every session; whoever did it goes on in a new one.
    return console.sign_in.signed_in(
        asked.request, asked.person, address("/account", done="The password is changed."), "after changing the password"
    )


async def elsewhere(asked: Asked) -> Any:
    """Sign out everywhere else."""
    asked.console.sessions.end_others(asked.person, asked.cookie)
    asked.console.trail.note(asked.person.name, asked.person.role, "session-ended", "all others of their own")
    return RedirectResponse(address("/account", done="You are signed out everywhere else."), 303)


def _trouble(text: str) -> View:
    return View("account.html", {"done": None, "trouble": text}, 400)


PAGES = (
    Page("/account", account),
    Page("/account/password", password, method="POST"),
    Page("/account/elsewhere", elsewhere, method="POST"),
)
