"""JupyterLab in headless Chromium, for the tests that look at what a user sees."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
# Chromium's own background traffic is of no use to a test and fails without a network.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")


@contextmanager
def jupyter_lab(folder: Path) -> Iterator[str]:
    """A JupyterLab server on a folder; yields its address with the token in it."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {
            "HOME": home,
            "JUPYTER_CONFIG_DIR": f"{home}/config",
            "JUPYTER_DATA_DIR": f"{home}/data",
            "JUPYTER_RUNTIME_DIR": f"{home}/runtime",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        }
        command = [
            sys.executable,
            "-m",
            "jupyter",
            "lab",
            "--no-browser",
            "--allow-root",
            "--ServerApp.port=0",
        ]
        command += [
            "--LabApp.news_url=None",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ]
        log = Path(home) / "log"
        with log.open("w") as out:
            server = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT
            )
        try:
            yield _address(log, server)
        finally:
            server.terminate()
            with suppress(subprocess.TimeoutExpired):
                server.wait(10)
            server.kill()


def _address(log: Path, server: subprocess.Popen, seconds: float = 120) -> str:
    """What the server says of itself, once it is up."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        if found := re.search(r"http://127\.0\.0\.1:(\d+)/lab\?token=(\w+)", log.read_text()):
            return f"http://127.0.0.1:{found[1]}/{{}}?token={found[2]}"
        time.sleep(0.2)
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


@contextmanager
def chromium_page() -> Iterator:
    """A page of a fresh headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser.new_page(viewport={"width": 1400, "height": 1000})
        finally:
            browser.close()


class Watch:
    """What a page asks for and complains of, from now on.

    elsewhere  addresses that it asked for and that are not on this machine
    errors     what its console calls an error, and exceptions that nobody has caught
    """

    def __init__(self, page) -> None:
        self.elsewhere: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self._ask(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on(
            "console", lambda said: self.errors.append(said.text) if said.type == "error" else None
        )

    def _ask(self, url: str) -> None:
        if not url.startswith(
            ("http://127.0.0.1:", "ws://127.0.0.1:", "file:", "data:", "blob:", "about:")
        ):
            self.elsewhere.append(url)


def open_from_menu(page, menu: str, item: str) -> None:
    """Choose an item of JupyterLab's menu bar."""
    page.get_by_role("menuitem", name=menu, exact=True).click()
    page.get_by_role("menuitem", name=item, exact=True).click()


def run_all(page, address: str, notebook: str, screenshot: Path, timeout: float = 240) -> None:
    """Open a notebook, run all its cells, wait until the kernel is idle, save, and take a
    picture.
    """
    page.goto(address.format(f"lab/tree/{notebook}"))
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=60_000)
    _wait_for_status(page, "Idle", 60)
    open_from_menu(page, "Run", "Run All Cells")
    time.sleep(2)
    _wait_for_quiet(page, timeout)
    page.keyboard.press("Control+s")
    time.sleep(2)
    page.screenshot(path=screenshot)


def _wait_for_quiet(page, seconds: float) -> None:
    """Idle for two seconds: between two cells it is so for a moment."""
    quiet = 0
    while quiet < 8:
        _wait_for_status(page, "Idle", seconds)
        time.sleep(0.25)
        quiet = quiet + 1 if page.locator(_status("Idle")).count() else 0


def _wait_for_status(page, status: str, seconds: float) -> None:
    page.locator(_status(status)).wait_for(timeout=seconds * 1000)


def _status(status: str) -> str:
    return f"#jp-main-statusbar >> text=/\\| {status}/"
