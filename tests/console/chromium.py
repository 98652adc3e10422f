"""A real Chromium, driven by Playwright; and a console that it can reach."""

import asyncio
import contextlib
import os
import shutil
import threading
import time

import uvicorn

from infra.console.console import make_app

#: Nothing is asked of the network but what a page asks for.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip


def executable():
    """Where a Chromium is: $CROUPIER_CHROMIUM, else on PATH; None: nowhere."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("CROUPIER_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


class _Server(uvicorn.Server):
    def install_signal_handlers(self):
        pass

    @contextlib.contextmanager
    def capture_signals(self):
        yield


@contextlib.contextmanager
def serving(console):
    """Its application on a port of its own, in a thread; the address."""
    config = uvicorn.Config(
        make_app(console), host="127.0.0.1", port=0, log_level="warning", timeout_graceful_shutdown=1, lifespan="on"
    )
    server = _Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        wait(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def wait(condition, seconds=60.0):
    """Until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited for too long"
        time.sleep(0.02)


def ready(console):
    """All that is read in the background is here."""
    wait(
        lambda: (
            console.figures.store is not None and console.deployment.report is not None and console.trail.reading_done
        )
    )


@contextlib.contextmanager
def launched():
    """A browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def context(browser, console, address, name=None, **options):
    """A profile in which somebody is signed in."""
    made = browser.new_context(base_url=address, locale="en-GB", timezone_id="UTC", **options)
    if name is not None:
        value = console.sessions.begin(console.accounts.find(name))
        made.add_cookies([{"name": console.settings.cookie, "value": value, "url": address}])
    return made
