"""Return on investment: what `croupier roi` says of the console's plan."""

from typing import Any

from starlette.responses import RedirectResponse

from infra.roi.plan import Plan, read_plan

from ..rendering import View
from ..site import Asked, Page


async def roi(asked: Asked) -> View:
    """The answer, or that it is being computed."""
    path = asked.console.settings.plan
    if path is None:
        return View("roi.html", {"plan": None, "job": None, "hidden": False})
    plan = read_plan(path)
    if not _seen(asked, plan):
        return View("roi.html", {"plan": None, "job": None, "hidden": True})
    deployment = asked.console.deployment
    arguments = (
        "-m", "infra.cli", "roi", str(path), "--json", "--bootstrap", deployment.servers, "--prefix", deployment.prefix,
    )  # fmt: skip
    job = asked.console.jobs.ask(("roi", str(path)), arguments)
    return View("roi.html", {"plan": plan, "job": job, "hidden": False})


async def again(asked: Asked) -> Any:
    """Compute it anew."""
    asked.console.jobs.forget(("roi", str(asked.console.settings.plan)))
    return RedirectResponse("/roi", 303)


def _seen(asked: Asked, plan: Plan) -> bool:
    """Whether all that the plan is about is theirs to see: sums of it say something of each."""
    tenants = {scope.tenant for scope in plan.scope}
    tenants |= {scope.control.partition("/")[0] for scope in plan.scope if scope.control is not None}
    return asked.person.everywhere or (bool(tenants) and all(map(asked.person.sees, tenants)))


PAGES = (Page("/roi", roi, live=True), Page("/roi/again", again, role="operator", method="POST"))
