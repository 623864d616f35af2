"""The Dagster UI in a real browser: the lineage is drawn, earlier runs are there, and a run started by a click succeeds."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipelines.simulation import simulate
from pipelines.ui import UiError, choose_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selenium.webdriver import Chrome

ROOT = Path(__file__).parents[2]
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--window-size=1700,1050",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
RUNS = "{ runsOrError(limit: 5) { ... on Runs { results { runId status } } } }"


def test_a_taken_port_is_refused_when_it_is_asked_for() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        assert choose_port(None) != taken
        with pytest.raises(UiError, match="--port"):
            choose_port(taken)


def wait_for(what: str, probe: Callable[[], Any], seconds: float = 180) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := probe():
            return found
        time.sleep(0.5)
    raise AssertionError(f"waited {seconds} seconds for {what}")


def ask(url: str, query: str) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - the address of our own server
        f"{url}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as response:
        return json.load(response)["data"]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An output folder into which one run has been published."""
    simulate(tmp_path / "example", engineers=3, days=30, repositories=1)
    command = [sys.executable, "-m", "pipelines.cli", "run", "--config", "example/mergeline.toml", "--out", "out"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=300)
    return tmp_path / "out"


@pytest.fixture
def url(out: Path) -> Iterator[str]:
    """The address of `mergeline ui` on that folder; stopped as a person would stop it."""
    port = choose_port(None)
    command = [sys.executable, "-m", "pipelines.cli", "ui", "--out", "out", "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    log = (out.parent / "ui.log").open("wb")
    server = subprocess.Popen(command, cwd=out.parent, env=environment, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{port}"

    def is_up() -> bool:
        assert server.poll() is None, (out.parent / "ui.log").read_text()
        try:
            return bool(ask(address, "{ version }"))
        except (urllib.error.URLError, OSError):
            return False

    try:
        wait_for("the web server", is_up)
        yield address
    finally:
        os.kill(server.pid, signal.SIGINT)
        status = server.wait(60)
        log.close()
    assert status == 0, (out.parent / "ui.log").read_text()
    # Nobody is left behind: what Ctrl-C ends, it ends as a whole.
    with pytest.raises(urllib.error.URLError):
        ask(address, "{ version }")


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    assert CHROMIUM
    assert DRIVER
    options = ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    driver = Chrome(service=Service(DRIVER), options=options)
    try:
        yield driver
    finally:
        driver.quit()


def text_of(driver: Chrome) -> str:
    # Not WebElement.text: elements are drawn anew while one looks at them.
    return str(driver.execute_script("return document.body.innerText"))


def click(driver: Chrome, label: str) -> bool:
    script = """
        const found = [...document.querySelectorAll('button')].find(one => one.innerText.trim().startsWith(arguments[0]) && !one.disabled);
        if (found) found.click();
        return Boolean(found);
    """
    return bool(driver.execute_script(script, label))


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed: make system-packages"
)
def test_lineage_is_drawn_and_a_run_started_by_a_click_succeeds(url: str, browser: Chrome, tmp_path: Path) -> None:
    published = (tmp_path / "out" / "mergeline.duckdb").stat().st_ino

    browser.get(f"{url}/runs")
    wait_for("the run of the command line", lambda: "Success" in text_of(browser))
    browser.save_screenshot(str(tmp_path / "runs.png"))

    browser.get(f"{url}/asset-groups")
    wait_for("the lineage", lambda: "Materialize all" in text_of(browser))
    wait_for("the groups", lambda: all(name in text_of(browser) for name in ("sources", "stages", "metrics", "marts")))
    wait_for("the state of every asset", lambda: "fetching" not in text_of(browser))
    browser.save_screenshot(str(tmp_path / "lineage.png"))

    # Nothing is new, and a run would leave what is published: let it publish the same rows once more.
    (tmp_path / "out" / "state" / "published.json").unlink()
    assert click(browser, "Materialize all")
    # With nothing to configure the run starts at once; otherwise a dialogue asks once more.
    wait_for("a second run", lambda: click(browser, "Launch run") or len(ask(url, RUNS)["runsOrError"]["results"]) > 1)
    wait_for("the second run", lambda: len(ask(url, RUNS)["runsOrError"]["results"]) > 1)

    def ended() -> str | None:
        status = ask(url, RUNS)["runsOrError"]["results"][0]["status"]
        return status if status in ("SUCCESS", "FAILURE", "CANCELED") else None

    assert wait_for("the end of the run", ended, 300) == "SUCCESS"
    assert (tmp_path / "out" / "mergeline.duckdb").stat().st_ino != published, "the click published nothing"

    browser.get(f"{url}/assets/ai_share?view=overview")
    wait_for("columns of an asset", lambda: "ai_upper" in text_of(browser))
    browser.save_screenshot(str(tmp_path / "asset.png"))
    browser.get(f"{url}/assets/landings?view=checks")
    wait_for("checks of an asset", lambda: "key_is_unique" in text_of(browser))
    browser.save_screenshot(str(tmp_path / "checks.png"))
    browser.get(f"{url}/asset-groups")
    wait_for("the lineage", lambda: "Materialize all" in text_of(browser))
    wait_for("the state of every asset", lambda: "fetching" not in text_of(browser))
    browser.save_screenshot(str(tmp_path / "after.png"))
