"""Measure how long a dial takes from key press to changed picture, beside ipywidgets.interact.

Starts the real JupyterLab and a headless Chromium, puts the dial ``labkit.dials.scores`` and the
same figure under ``interact`` into one notebook, and presses arrow keys on both in turns. The
page itself takes the time, from the keydown event to the first frame with another picture. Then
30 quick presses: the last picture must be that of the last value. Exit status 1 if it is not, or
if the dial is less than twice as fast.

    python -m tools.bench.dials [presses]
"""

import html
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
from labkit import Flavor, Fleet, RequestSpec, dials  # noqa: E402 - the copy beside this file

WARM_UP = 6
BURST = 30
BURST_GAP_MS = 25
TARGET_RATIO = 2.0

SETUP = """\
from labkit import Fleet, Flavor, RequestSpec, Options, dials, plots, select_destinations
fleet = Fleet.random(8, seed=4)
spec = RequestSpec(Flavor(vcpus=1, memory_mb=512))"""
DIAL = "dials.scores(fleet, spec)"
INTERACT = """\
%matplotlib inline
import ipywidgets
dial = (-2.0, 2.0, 0.1)
@ipywidgets.interact(ram_weight_multiplier=dial, cpu_weight_multiplier=dial,
                     disk_weight_multiplier=dial, io_ops_weight_multiplier=dial)
def show(ram_weight_multiplier=1.0, cpu_weight_multiplier=1.0,
         disk_weight_multiplier=1.0, io_ops_weight_multiplier=-1.0):
    options = Options(ram_weight_multiplier=ram_weight_multiplier,
                      cpu_weight_multiplier=cpu_weight_multiplier,
                      disk_weight_multiplier=disk_weight_multiplier,
                      io_ops_weight_multiplier=io_ops_weight_multiplier)
    return plots.scores(select_destinations(fleet, spec, options).weights).figure"""

READY = """() => {
  const panel = window.jupyterapp?.shell?.currentWidget;
  return panel?.context?.isReady && panel.sessionContext.isReady
    && panel.sessionContext.session?.kernel?.status === "idle";
}"""
SHOWN = """() => document.querySelectorAll("div[role=img] svg").length
  && [...document.querySelectorAll(".jp-OutputArea img")].some(img => img.complete)"""
# window.watch(which) resolves to the milliseconds from the next keydown to the next new picture.
WATCH = """() => {
  const of = {
    dial: () => document.querySelector("div[role=img]")?.innerHTML,
    interact: () => {
      const img = document.querySelector(".jp-OutputArea .widget-interact img, .jp-OutputArea img");
      return img && img.complete && img.naturalWidth ? img.src : undefined;
    },
  };
  window.picture = which => of[which]();
  window.watch = which => new Promise(resolve => {
    const before = of[which]();
    let start;
    addEventListener("keydown", () => { start = performance.now(); },
                     {capture: true, once: true});
    const look = () => {
      const now = of[which]();
      if (start === undefined || now === undefined || now === before) return;
      observer.disconnect();
      document.removeEventListener("load", look, true);
      requestAnimationFrame(() => resolve(performance.now() - start));
    };
    const observer = new MutationObserver(look);
    observer.observe(document.body,
                     {subtree: true, childList: true, attributes: true, characterData: true});
    document.addEventListener("load", look, true);  // an <img> is there when it is decoded
  });
}"""


def main(presses=40):
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder)
        (home / "bench.ipynb").write_text(json.dumps(notebook(SETUP, DIAL, INTERACT)))
        server, url = jupyterlab(home)
        try:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page(viewport={"width": 1280, "height": 2000})
            page.set_default_timeout(30_000)
            opened(page, url)
            times = measured(page, presses)
            stale = burst(page)
            browser.close()
        finally:
            server.terminate()
            server.wait(timeout=30)
    ratio = statistics.median(times["interact"]) / statistics.median(times["dial"])
    for which, values in times.items():
        p95 = statistics.quantiles(values, n=20)[-1]
        print(f"{which:9} median {statistics.median(values):4.0f} ms, 95 % {p95:4.0f} ms")
    print(
        f"ratio {ratio:.1f} over {presses} presses each at 8 hosts, load {os.getloadavg()[0]:.1f}"
    )
    print(
        f"{BURST} quick presses: the last picture is {'OLD' if stale else 'that of the last value'}"
    )
    return int(stale or ratio < TARGET_RATIO)


def notebook(*sources):
    """A notebook with these code cells."""
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    cells = [cell | {"id": f"cell-{i}", "source": source} for i, source in enumerate(sources)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def jupyterlab(home):
    """Start JupyterLab over *home*, with settings of its own; return it and its address."""
    own = "CONFIG_DIR DATA_DIR RUNTIME_DIR".split()
    env = os.environ | {f"JUPYTER_{name}": str(home / name.lower()) for name in own}
    env |= {f"JUPYTERLAB_{name}_DIR": str(home / name) for name in ("SETTINGS", "WORKSPACES")}
    env |= {"IPYTHONDIR": str(home / "ipython"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += ["--ServerApp.port=0", f"--ServerApp.root_dir={home}", "--LabApp.news_url=None"]
    command += ["--LabApp.expose_app_in_browser=True"]
    with (home / "lab.log").open("w") as log:
        server = subprocess.Popen(command, cwd=home, env=env, stdout=log, stderr=log)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        for path in (home / "runtime_dir").glob(f"jpserver-{server.pid}.json"):
            found = json.loads(path.read_text() or "{}")
            if found:
                return server, f"{found['url']}doc/tree/bench.ipynb?token={found['token']}"
        time.sleep(0.1)
    server.terminate()
    sys.exit(f"JupyterLab did not start:\n{(home / 'lab.log').read_text()}")


def opened(page, url):
    """Open the notebook, run it, and wait until both pictures are there."""
    page.goto(url)
    page.wait_for_function(READY)
    page.evaluate("() => void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(SHOWN, timeout=60_000)
    page.wait_for_function(READY)
    page.evaluate(WATCH)


def slider(page, which):
    """The RAM slider of the dial or of interact; in the page the dial comes first."""
    sliders = page.locator(".widget-hslider:has-text('ram_weight_multiplier') [role=slider]")
    return sliders.nth(0 if which == "dial" else 1)


def measured(page, presses, ways=("dial", "interact")):
    """Milliseconds for each press, the ways in turns so that all meet the same load."""
    times = {way: [] for way in ways}
    for press in range(WARM_UP + presses):
        key = "ArrowLeft" if press // 20 % 2 == 0 else "ArrowRight"
        for which, values in times.items():
            slider(page, which).focus()
            page.evaluate("which => { window.answer = window.watch(which); }", which)
            page.keyboard.press(key)
            took = page.evaluate("() => window.answer")
            if press >= WARM_UP:
                values.append(took)
            page.wait_for_function(READY)
    return times


def burst(page):
    """Press quickly to the left end; return whether the picture that stays is an old one."""
    slider(page, "dial").focus()
    page.keyboard.press("End")
    page.wait_for_timeout(1000)
    for _ in range(BURST):
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(BURST_GAP_MS)
    page.wait_for_timeout(2000)
    value = float(slider(page, "dial").get_attribute("aria-valuenow"))
    dial = dials.scores(Fleet.random(8, seed=4), RequestSpec(Flavor(vcpus=1, memory_mb=512)))
    dial.ram_weight_multiplier.value = value
    label = page.locator("div[role=img]").get_attribute("aria-label")
    texts = page.locator("div[role=img] svg text").all_text_contents()
    wanted = [html.unescape(t) for t in re.findall(r"<text[^>]*>([^<]*)<", dial.picture.value)]
    print(f"after the burst the slider says {value:g}, the page: {label}")
    return [label, *texts] != [dial.answer, *wanted]


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
