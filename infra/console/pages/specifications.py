"""Specifications: shown, changed with every mistake at its line, compared, applied, and brought back."""

import json
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from infra.domains.applied import has_members, wait_applied
from infra.domains.publish import Key, Published, read_latest, remove_domain
from infra.domains.written import to_toml
from schemas.domains import DomainSpec
from schemas.errors import CroupierError

from ..audit import Action
from ..deployment import within_patience
from ..rendering import View, address
from ..site import Asked, Page
from ..specifying import APPLIED, REMOVED, Checked, Version, bring_into_force, changes, check, compared, history

_LISTED: Final = 200
_WORKERS_S: Final = 5.0
_GROUP: Final = "croupier-worker"

Latest = dict[Key, tuple[int, DomainSpec | None]]


async def listed(asked: Asked) -> View:
    """Those in force."""
    sought = (asked.query("q") or "").lower()
    rows = [
        (version, spec)
        for (tenant, domain), (version, spec) in sorted((await _latest(asked)).items())
        if spec is not None and asked.person.sees(tenant) and sought in f"{tenant}/{domain}".lower()
    ]
    context = {"rows": rows[:_LISTED], "total": len(rows), "q": asked.query("q"), "done": asked.query("done")}
    return View("specifications.html", context)


async def one(asked: Asked) -> View:
    """One domain's: what is in force, its history, and a form to change it."""
    tenant, domain = asked.tenant(asked.query("tenant")), asked.query("domain") or ""
    async with within_patience(), asked.console.deployment.log() as log:
        versions = await history(log, asked.console.trail, tenant, domain)
    version, spec = (await _latest(asked)).get((tenant, domain), (None, None))
    if version is None and not versions:
        raise HTTPException(404, f"{tenant} has no domain {domain}, and had none that is remembered.")
    chosen = _chosen(versions, asked.query("version"), asked.query("entry"))
    shown = spec if chosen is None else chosen.spec
    context = {
        "tenant": tenant, "domain": domain, "version": version, "spec": spec, "versions": versions, "chosen": chosen,
        "text": to_toml([shown]) if shown is not None else "",
        "lines": compared(spec, chosen.spec) if chosen is not None else [],
        "checked": None, "done": asked.query("done"),
    }  # fmt: skip
    return View("specification.html", context)


async def new(_: Asked) -> View:
    """An empty form."""
    return _editing("", None)


async def preview(asked: Asked) -> View:
    """What a text would change; or every problem with its line."""
    text = asked.form.get("text", "").replace("\r\n", "\n")
    checked = check(text)
    fragment = "fragment" in asked.form
    if checked.problems:
        if fragment:
            return View("problems.html", {"checked": checked, "text": text})
        return _editing(text, checked, 422)
    _check_scope(asked, checked)
    latest = await _latest(asked)
    found = changes(checked.specs, latest)
    if fragment:
        return View("problems.html", {"checked": checked, "text": text})
    base = json.dumps([[*change.key, change.version] for change in found])
    return View("preview.html", {"changes": found, "text": text, "base": base, "stale": False})


async def apply(asked: Asked) -> Any:
    """Bring a text into force, if nobody else has changed these domains since it was compared."""
    text = asked.form.get("text", "").replace("\r\n", "\n")
    checked = check(text)
    if checked.problems:
        return _editing(text, checked, 422)
    _check_scope(asked, checked)
    found = changes(checked.specs, await _latest(asked))
    base = json.dumps([[*change.key, change.version] for change in found])
    if base != asked.form.get("base"):
        return View("preview.html", {"changes": found, "text": text, "base": base, "stale": True}, 409)
    differing = [spec for spec, change in zip(checked.specs, found, strict=True) if change.words]
    if not differing:
        raise CroupierError("This is what is in force already: nothing was changed.")
    words = {change.key: "; ".join(change.words) for change in found}
    actions = [
        Action(APPLIED, spec.tenant, f"{spec.tenant}/{spec.domain}", words[spec.tenant, spec.domain], to_toml([spec]))
        for spec in differing
    ]
    await asked.console.trail.write(asked.person, *actions)
    done = await bring_into_force(asked.console.deployment, differing)
    return await _reported(asked, done)


async def ask_remove(asked: Asked) -> View:
    """Whether it is meant."""
    tenant, domain = asked.tenant(asked.query("tenant")), asked.query("domain") or ""
    return View("remove.html", {"tenant": tenant, "domain": domain})


async def remove(asked: Asked) -> Any:
    """Take a domain out of force."""
    tenant, domain = asked.tenant(asked.form.get("tenant")), asked.form.get("domain", "")
    if (await _latest(asked)).get((tenant, domain), (0, None))[1] is None:
        raise HTTPException(404, f"{tenant} has no domain {domain}.")
    await asked.console.trail.write(asked.person, Action(REMOVED, tenant, f"{tenant}/{domain}", "domain removed"))
    deployment = asked.console.deployment
    return await _reported(asked, [await remove_domain(deployment.servers, deployment.prefix, tenant, domain)])


async def _latest(asked: Asked) -> Latest:
    deployment = asked.console.deployment
    async with within_patience():
        return await read_latest(deployment.servers, deployment.prefix)


async def _reported(asked: Asked, done: list[Published]) -> Any:
    """Where it stands now, and whether the workers have it."""
    deployment = asked.console.deployment
    group = f"{deployment.prefix}{_GROUP}"
    patience = _WORKERS_S if await has_members(deployment.servers, group) else 0.0
    pending = await wait_applied(deployment.servers, deployment.prefix, done, group, patience)
    names = ", ".join(f"{each.tenant}/{each.domain} version {each.version}" for each in done)
    said = f"In the log: {names}."
    if superseded := [f"{each.tenant}/{each.domain}" for each in done if each.superseded]:
        said += f" At the same time somebody else changed {', '.join(superseded)}, and theirs is in force."
    said += " The workers have it." if not pending else " No worker has read it yet; it takes effect when one does."
    if len(done) == 1:
        return RedirectResponse(address("/specification", tenant=done[0].tenant, domain=done[0].domain, done=said), 303)
    return RedirectResponse(address("/specifications", done=said), 303)


def _check_scope(asked: Asked, checked: Checked) -> None:
    others = sorted({spec.tenant for spec in checked.specs if not asked.person.sees(spec.tenant)})
    if others:
        raise HTTPException(403, f"These are not your tenants: {', '.join(others)}. Nothing was changed.")


def _editing(text: str, checked: Checked | None, status: int = 200) -> View:
    return View("editing.html", {"text": text, "checked": checked}, status)


def _chosen(versions: list[Version], version: str | None, entry: str | None) -> Version | None:
    for each in versions:
        if version is not None and str(each.version) == version:
            return each
        if entry is not None and str(each.entry) == entry:
            return each
    return None


PAGES = (
    Page("/specifications", listed),
    Page("/specification", one),
    Page("/specifications/new", new, role="operator"),
    Page("/specifications/check", preview, role="operator", method="POST"),
    Page("/specifications/apply", apply, role="operator", method="POST"),
    Page("/specifications/remove", ask_remove, role="operator"),
    Page("/specifications/removed", remove, role="operator", method="POST"),
)
