"""The real JupyterLab on a port and folders of its own, and one browser to open it with."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import Error, sync_playwright

CHROMIUM = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
START_S = 60
PAGE = {"width": 1280, "height": 900}


@pytest.fixture(scope="session")
def lab(root, tmp_path_factory):
    """A running JupyterLab over a copy of the lessons: `url` and `token`."""
    home = tmp_path_factory.mktemp("lab")
    for folder in ("notebooks", "data"):
        if (root / folder).exists():
            shutil.copytree(root / folder, home / folder)
    own = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    own += ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    env = os.environ | {name: str(home / name.lower()) for name in own}
    env |= {"JUPYTER_PREFER_ENV_PATH": "1", "PYTHONPATH": str(root)}
    env |= {"JUPYTER_CONFIG_PATH": str(root / "tools" / "jupyter")}  # as `make lab` does
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += ["--ServerApp.port=0", f"--ServerApp.root_dir={home}"]
    command += ["--LabApp.expose_app_in_browser=True"]
    with (home / "lab.log").open("w") as log:
        server = subprocess.Popen(command, cwd=home, env=env, stdout=log, stderr=log)
        try:
            yield address(server, home)
        finally:
            server.terminate()
            server.wait(timeout=30)


def address(server, home):
    """Where *server* says it listens, once it does."""
    runtime = home / "jupyter_runtime_dir"
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        for path in runtime.glob(f"jpserver-{server.pid}.json"):
            found = json.loads(path.read_text() or "{}")
            if found:
                return SimpleNamespace(url=found["url"], token=found["token"])
        time.sleep(0.1)
    pytest.fail(f"JupyterLab did not start:\n{(home / 'lab.log').read_text()}")


@pytest.fixture(scope="session")
def browser():
    """The machine's Chromium, or the one of `playwright install chromium`."""
    with sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(
                executable_path=next(filter(None, map(shutil.which, CHROMIUM)), None)
            )
        except Error as error:
            pytest.fail(f"No Chromium: apt-get install chromium, or playwright install.\n{error}")
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport=PAGE)
    page.set_default_timeout(30_000)
    yield page
    page.close()


@pytest.fixture(scope="session")
def screenshots(root) -> Path:
    folder = root / "test-results"
    folder.mkdir(exist_ok=True)
    return folder
