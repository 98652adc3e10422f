"""Pictures of the console for the docs: `python -m tests.console.pictures` writes docs/pictures/console-*.png.

A month of KPIs of two tenants, and some decisions, are written into a Kafka of its own; a real Chromium looks at them.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from infra.domains.publish import apply_specs
from infra.kafka import start_broker
from infra.kafka.topics import create_topics

from . import told
from .chromium import context, executable, launched, ready, serving
from .conftest import PARTITIONS, append, opened

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
#: name, path, role's account, options of the profile
WANTED = (
    ("overview", "/", "anna", {}),
    ("overview-dark", "/", "anna", {"color_scheme": "dark"}),
    ("domain", "/domain?tenant=acme&domain=routing&window=30d", "vera", {}),
    ("decision", "/decision?id=acme-0&tenant=acme", "vera", {}),
    ("specification", "/specification?tenant=acme&domain=routing", "otto", {}),
    ("phone", "/domain?tenant=acme&domain=routing&window=30d", "vera", {"viewport": {"width": 390, "height": 844}}),
)


def main():
    if executable() is None:
        sys.exit("there is no Chromium: install one, or name it in CROUPIER_CHROMIUM")
    with start_broker(how="local", progress=lambda _: None) as broker, tempfile.TemporaryDirectory() as home:
        servers = broker.bootstrap_servers

        async def written():
            await create_topics(servers, partitions=PARTITIONS)
            await apply_specs(servers, "", told.SPECS)
            found = [each for each in told.records() if each[1] != told.HOSTILE]
            await append(servers, "", [*found, *(("kpis", each.tenant, each) for each in told.kpis(time.time()))])

        asyncio.run(written())
        with opened(Path(home), servers, "") as console, serving(console) as address, launched() as browser:
            ready(console)
            for name, path, account, options in WANTED:
                profile = context(
                    browser, console, address, account, **{"viewport": {"width": 1200, "height": 900}, **options}
                )
                page = profile.new_page()
                page.goto(path)
                if page.locator("[data-live]").count():
                    page.locator("[data-live][data-updates]").wait_for(state="attached")
                page.screenshot(path=PICTURES / f"console-{name}.png", full_page=name != "phone")
                profile.close()
                sys.stdout.write(f"docs/pictures/console-{name}.png\n")


if __name__ == "__main__":
    main()
