"""Measure the lab in a browser alone: how soon, how many bytes, and a dial beside a local kernel's.

Opens build/site (make site PYODIDE=folder) in headless Chromium from this machine, with an empty
storage: the first lesson is shown, Python has answered, lesson 01 has run; again with what the
browser kept; and again with the server stopped. Then the dial of ``tools.bench.dials``, its keys
pressed in both Pythons.

    python -m tools.bench.site [presses]
"""

import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tools.bench import dials
from tools.site.serving import Server

SITE = Path(__file__).resolve().parents[2] / "build" / "site"
LESSON = "notebooks/01_how_does_nova_choose_a_host.ipynb"
OPEN = (
    """name => window.jupyterapp.commands.execute("docmanager:open", {path: name}).then(() => 0)"""
)
IS_OPEN = """name => {
  const panel = window.jupyterapp?.shell?.currentWidget;
  return panel?.context?.path === name && panel.context.isReady
    && Boolean(panel.sessionContext.session?.kernel);
}"""
ANSWERS = """async () => {
  const {session} = window.jupyterapp.shell.currentWidget.sessionContext;
  await session.kernel.requestExecute({code: "1", store_history: false}).done;
}"""
HAS_KERNEL = "() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel"
RUN_ALL = "() => void window.jupyterapp.commands.execute('notebook:run-all-cells')"
HAS_RUN = """() => [...window.jupyterapp.shell.currentWidget.content.model.cells]
  .every(cell => cell.type !== "code" || !cell.sharedModel.source.trim() || cell.executionCount)"""
KERNEL = {"display_name": "Python", "language": "python", "name": "python"}
NOTEBOOK = """content => window.jupyterapp.serviceManager.contents.save("notebooks/bench.ipynb",
  {type: "notebook", format: "json", content}).then(() => 0)"""


def main(presses=40):
    if not (SITE / "index.html").exists():
        print("There is no build/site to measure: make site PYODIDE=folder")
        return
    server = Server(SITE)
    with sync_playwright() as playwright:
        launched = {"executable_path": shutil.which("chromium"), "args": ["--no-sandbox"]}
        browser = playwright.chromium.launch(**launched)
        context = browser.new_context(viewport={"width": 1280, "height": 2000})
        context.set_default_timeout(300_000)
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        visit(context, server, "first visit")
        visit(context, server, "second visit")
        page = context.new_page()
        page.goto(server.url)
        page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.context?.isReady")
        page.wait_for_function(HAS_KERNEL)
        page.evaluate(ANSWERS)
        times = {"browser's Python": dial(page, presses)}
        page.close()
        server.stop()
        visit(context, server, "server stopped")
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            (home / "bench.ipynb").write_text(json.dumps(notebook()))
            lab, url = dials.jupyterlab(home)
            try:
                page = browser.new_page(viewport={"width": 1280, "height": 2000})
                page.set_default_timeout(60_000)
                page.goto(url)
                times["local kernel"] = dial(page, presses, there=True)
            finally:
                lab.terminate()
                lab.wait(timeout=30)
        browser.close()
    for where, values in times.items():
        p95 = statistics.quantiles(values, n=20)[-1]
        print(f"dial, {where}: median {statistics.median(values):.0f} ms, 95 % {p95:.0f} ms")


def visit(context, server, name):
    """Open the address, wait for Python, run lesson 01; print when, and what was sent."""
    begun, sent = time.monotonic(), server.sent
    page, after = context.new_page(), []
    page.goto(server.url)
    page.locator(".jp-Notebook h1").first.wait_for()
    after.append(time.monotonic() - begun)
    page.wait_for_function(HAS_KERNEL)
    page.evaluate(ANSWERS)
    after.append(time.monotonic() - begun)
    page.evaluate(OPEN, LESSON)
    page.wait_for_function(IS_OPEN, arg=LESSON)
    page.evaluate(RUN_ALL)
    page.wait_for_function(HAS_RUN)
    after.append(time.monotonic() - begun)
    shown, ready, run = after
    print(
        f"{name}: shown after {shown:.1f} s, Python after {ready:.1f} s, lesson 01 run after "
        f"{run:.1f} s; {(server.sent - sent) / 1e6:.1f} MB"
    )
    page.close()


def notebook():
    return dials.notebook(dials.SETUP, dials.DIAL)


def dial(page, presses, there=False):
    """Milliseconds from key press to changed picture, in the notebook of the benchmark."""
    if not there:
        page.evaluate(NOTEBOOK, notebook() | {"metadata": {"kernelspec": KERNEL}})
        page.evaluate(OPEN, "notebooks/bench.ipynb")
        page.wait_for_function(IS_OPEN, arg="notebooks/bench.ipynb")
        page.evaluate(ANSWERS)
    page.wait_for_function(dials.READY)
    page.evaluate(RUN_ALL)
    page.locator("div[role=img] svg").wait_for()
    page.wait_for_function(dials.READY)
    page.evaluate(dials.WATCH)
    return dials.measured(page, presses, ["dial"])["dial"]


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
