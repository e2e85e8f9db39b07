"""The lab in a browser's own Python: every lesson as committed, and what a learner does with it."""

import json
import subprocess
import tomllib

import pytest
from packaging.requirements import Requirement
from playwright.sync_api import expect

from tests.browser.conftest import PAGE
from tests.browser.test_lessons import (
    ANSWERED,
    BAD_OUTPUTS,
    CELLS,
    CHANGED,
    CHOICES,
    CHOSEN,
    LESSONS,
    MORE,
    NOBODY,
    REAL,
    SHOWN,
    TURN_MS,
    NoChange,
    controls,
)
from tests.site.conftest import SITE, SLOW_MS, watched
from tools.site.serving import Server

pytestmark = pytest.mark.site

FIRST = LESSONS[0].name
#: Text outputs that may differ from the committed ones: {cell id: why}.
DIFFERENT = {}
ROUNDS = 10  # of a key on every control, of which one has to change what is shown
TEXTS = ("text/plain", "text/html", "text/markdown")

SAYS = "#nova-lab-says"
PANEL = "window.jupyterapp?.shell?.currentWidget"
OPEN = f"""name => {PANEL}?.context?.path === name && {PANEL}.context.isReady
  && {PANEL}.sessionContext.isReady && Boolean({PANEL}.sessionContext.session?.kernel)"""
DONE = f"""() => {PANEL}.sessionContext.session?.kernel?.status === "idle" && (
  {CELLS}.every(cell => cell.executionCount)
  || {CELLS}.some(cell => cell.toJSON().outputs.some(output => output.output_type === "error")))"""
READY = f"""() => document.querySelector("{SAYS}")?.dataset.answered?.split(" ")
  .includes({PANEL}.sessionContext.session?.kernel?.id ?? NaN)"""
OPEN_IT = "name => void window.jupyterapp.commands.execute('docmanager:open', {path: name})"
RUN = "name => void window.jupyterapp.commands.execute(name)"  # never awaited: it may hang
CLOSE = f"async () => {{ const it = {PANEL}; await it.sessionContext.shutdown(); it.dispose(); }}"

#: The first lesson's Python, of several, hears nothing until the test says hear().
SLOW_FIRST = """const {Worker} = window, kept = [];
  let first = true;
  window.hear = () => kept.splice(0).forEach(say => say());
  window.Worker = class extends Worker {
    constructor(...what) { super(...what); [this.held, first] = [first, false]; }
    postMessage(...what) {
      const say = () => super.postMessage(...what);
      if (this.held) kept.push(() => { this.held = false; say(); }); else say();
    }
  };"""
NO_WORKER = "delete Navigator.prototype.serviceWorker"
#: The page looks for a new kernel when the test says look(), not every 250 ms.
HELD = """const often = window.setInterval;
  window.setInterval = (what, ms) => ms === 250 ? void (window.look = what) : often(what, ms);"""


def joined(text):
    return text if isinstance(text, str) else "".join(text)


def texts(cell):
    """Every text that a cell shows, with its kind."""
    return [
        (kind, joined(text))
        for output in cell["outputs"]
        for kind, text in [("stream", output.get("text")), *sorted(output.get("data", {}).items())]
        if text is not None and kind in ("stream", *TEXTS)
    ]


def ready(page):
    """Wait until this lesson's Python has answered; the page said what it waited for."""
    page.wait_for_function(READY)
    expect(page.locator(SAYS)).to_be_hidden(timeout=SLOW_MS)


@pytest.fixture(scope="module")
def page(learner, server):
    """The address as a newcomer opens it: the first lesson is there, Python is on its way."""
    page = learner.new_page()
    page.goto(server.url)
    page.locator(".jp-Notebook h1").first.wait_for()
    yield page
    page.close()


def opened(page, name):
    """Open a lesson, with a kernel of its own."""
    page.evaluate(OPEN_IT, name)
    page.wait_for_function(OPEN, arg=name)
    ready(page)


def test_pyodide_has_what_labkit_asks_for(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    locked = json.loads((root / SITE / "python" / "pyodide-lock.json").read_text())["packages"]
    for need in map(Requirement, project["dependencies"]):
        assert locked[need.name]["version"] in need.specifier, need
    assert not {"scipy", "fonttools", "jedi"} & set(locked)


def test_the_page_says_what_it_waits_for(page):
    expect(page.locator(SAYS)).to_contain_text("about 40 MB and half a minute")
    page.wait_for_function(OPEN, arg=f"notebooks/{FIRST}")
    ready(page)


def turn_one(page, panel):
    """Press a key on one control after the other until figure and words change."""
    panel.scroll_into_view_if_needed()
    before = [panel.element_handle(), panel.evaluate(SHOWN)]
    found = controls(panel)
    presses = [(control, keys[end]) for end in (0, -1) for control, keys in found if keys]
    choices = panel.locator(f"{CHOICES} button:not({CHOSEN})").all()
    presses += [(button, "Enter") for button in choices if MORE not in button.inner_text()]
    for control, key in presses * ROUNDS:
        control.press(key)
        page.wait_for_function(ANSWERED)
        try:
            page.wait_for_function(CHANGED, arg=before, timeout=TURN_MS)
            return
        except NoChange:
            continue  # this step may make no difference, the next one may
    pytest.fail(f"nothing changes with any dial of {panel.inner_text()!r}")


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_says_what_is_committed_and_its_figures_turn(page, learner, lesson):
    opened(page, f"notebooks/{lesson.name}")
    page.evaluate(RUN, "notebook:run-all-cells")
    page.wait_for_function(DONE)
    assert page.evaluate(BAD_OUTPUTS) == []
    committed = {
        cell["id"]: cell for cell in json.loads(lesson.read_text(encoding="utf-8"))["cells"]
    }
    for cell in page.evaluate(f"() => {CELLS}.map(cell => cell.toJSON())"):
        if cell["id"] not in DIFFERENT:
            assert texts(cell) == texts(committed[cell["id"]]), cell["id"]
    turned = ":has([role=slider], input, select, .widget-toggle-buttons)"
    panels = page.locator(f".jp-OutputArea-output:has(div[role=img]){turned}")
    for panel in panels.all():
        turn_one(page, panel)
    for button in page.get_by_role("button", name=REAL).all():
        panel = page.locator(".jp-OutputArea-output", has=button)
        button.click()
        expect(panel).not_to_contain_text(NOBODY)
        expect(panel).to_contain_text("qemu-img cannot run in a browser")
    page.evaluate(CLOSE)
    assert learner.asked_elsewhere == []


SAID = """const said = async (kernel, code) => {
  const future = kernel.requestExecute({code});
  const parts = [];
  future.onIOPub = ({content}) =>
    parts.push(content.text ?? content.data?.["text/plain"] ?? content.evalue ?? "");
  await future.done;
  return parts.join("");
};"""


def said(page, code):
    """What Python says to *code*, asked in the lesson's own kernel."""
    kernel = f"{PANEL}.sessionContext.session.kernel"
    return page.evaluate(f"code => {{ {SAID} return said({kernel}, code); }}", code)


def test_a_check_is_answered_right_and_wrong(page):
    opened(page, f"notebooks/{FIRST}")
    assert "Wrong." in said(page, "from labkit import check; check('no-room', 'cn-1')")
    assert "Right" in said(page, "check('no-room', 'cn-2')")


def test_no_index_of_packages_is_asked(page, learner):
    opened(page, f"notebooks/{FIRST}")
    assert "PyPI fallback is disabled" in said(page, "%pip install humanize")
    assert learner.asked_elsewhere == []


def test_what_a_learner_wrote_stays_until_the_lesson_is_started_over(page, server):
    opened(page, f"notebooks/{FIRST}")
    before = page.evaluate(f"() => {CELLS}[0].sharedModel.source")
    page.evaluate(f"() => {CELLS}[0].sharedModel.setSource('# mine')")
    page.evaluate(f"async () => {PANEL}.context.save()")
    page.goto(server.url)
    page.wait_for_function(OPEN, arg=f"notebooks/{FIRST}")
    assert page.evaluate(f"() => {CELLS}[0].sharedModel.source") == "# mine"
    ready(page)
    with page.expect_download() as download:
        page.evaluate(RUN, "docmanager:download")
    assert "# mine" in download.value.path().read_text(encoding="utf-8")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Start this lesson over").click()
    page.wait_for_function(f"before => {CELLS}[0]?.sharedModel.source === before", arg=before)
    ready(page)


def test_without_a_service_worker_python_has_the_lessons_data(browser, server):
    """As at an address without https."""
    context = watched(browser.new_context(), server)
    context.add_init_script(NO_WORKER)
    page = context.new_page()
    page.goto(server.url)
    page.wait_for_function(OPEN, arg=f"notebooks/{FIRST}")
    ready(page)
    assert "cn-1" in said(page, "from labkit import Fleet; Fleet.read('../data/two_hosts').hosts")
    assert context.asked_elsewhere == []
    context.close()


def test_python_may_come_from_another_address(browser, root, tmp_path):
    pyodide = Server(root / SITE / "python")
    command = [root / "build/site-venv/bin/python", "-m", "tools.site"]
    command += [f"--pyodide={pyodide.url}", f"--into={tmp_path / 'site'}"]
    subprocess.run(command, cwd=root, check=True)
    assert not list((tmp_path / "site" / "python").glob("pandas*"))
    site = Server(tmp_path / "site")
    page = browser.new_page()
    page.set_default_timeout(SLOW_MS)
    page.goto(site.url)
    page.wait_for_function(OPEN, arg=f"notebooks/{FIRST}")
    ready(page)
    assert said(page, "import labkit, pandas; print(pandas.__name__)") == "pandas\n"
    assert pyodide.sent > 20e6
    page.close()
    site.stop()
    pyodide.stop()


NO_PYTHON = "Python could not be loaded"


@pytest.mark.parametrize(
    "missing", ["pyodide.js", "pyodide.asm.wasm", "pyodide-lock.json", "pandas-*.whl"]
)
def test_python_that_does_not_come_gets_a_sentence(browser, server, missing):
    context = without_file(browser, server, missing)
    page = context.new_page()
    page.goto(server.url)
    expect(page.locator(SAYS)).to_contain_text(NO_PYTHON, timeout=SLOW_MS)
    expect(page.locator(SAYS)).not_to_contain_text("three minutes")
    context.close()


def test_python_that_does_not_come_is_not_forgotten_by_a_busy_page(browser, server):
    context = without_file(browser, server, "pyodide.js")
    context.add_init_script(HELD)
    page = context.new_page()
    page.goto(server.url)
    page.wait_for_function(OPEN, arg=f"notebooks/{FIRST}")
    expect(page.locator(SAYS)).to_contain_text(NO_PYTHON, timeout=SLOW_MS)
    page.evaluate("look()")
    expect(page.locator(SAYS)).to_contain_text(NO_PYTHON)
    expect(page.locator(SAYS)).not_to_contain_text("Loading")
    context.close()


def test_lessons_that_load_together_each_wait_for_their_own_python(browser, server):
    context = watched(browser.new_context(viewport=PAGE), server)
    context.add_init_script(SLOW_FIRST)
    page = context.new_page()
    page.goto(server.url)
    page.wait_for_function(OPEN, arg=f"notebooks/{FIRST}")
    expect(page.locator(SAYS)).to_contain_text("Loading Python", timeout=SLOW_MS)
    page.evaluate(OPEN_IT, f"notebooks/{LESSONS[1].name}")
    page.wait_for_function(OPEN, arg=f"notebooks/{LESSONS[1].name}")
    page.wait_for_function(READY)
    expect(page.locator(SAYS)).to_contain_text("Loading Python")  # the first lesson's
    page.evaluate("hear()")
    expect(page.locator(SAYS)).to_be_hidden(timeout=SLOW_MS)
    page.wait_for_function(READY)  # the second lesson's is not forgotten
    context.close()


READS = """import pathlib
found = {pathlib.Path(f"../data/{name}/hosts.csv").read_text() for _ in range(40)}
found == {pathlib.Path(f"/home/data/{name}/hosts.csv").read_text()}
"""


def test_lessons_that_read_files_at_once_get_their_own(browser, server):
    context = watched(browser.new_context(viewport=PAGE), server)
    page = context.new_page()
    page.goto(server.url)
    page.wait_for_function(OPEN, arg=f"notebooks/{FIRST}")
    ready(page)
    opened(page, f"notebooks/{LESSONS[1].name}")
    read = [f"name = {name!r}; {READS}" for name in ("two_hosts", "four_hosts")]
    found = page.evaluate(
        f"""read => {{ {SAID}
          const panels = [...window.jupyterapp.shell.widgets("main")];
          const kernels = panels.map(it => it.sessionContext?.session?.kernel).filter(Boolean);
          return Promise.all(kernels.map((kernel, i) => said(kernel, read[i])));
        }}""",
        read,
    )
    assert found == ["True", "True"]
    context.close()


def without_file(browser, server, missing):
    """A learner's browser in which a file of Python's does not come."""
    context = watched(browser.new_context(), server)
    context.add_init_script(NO_WORKER)  # its requests would pass by the next line
    context.route(f"**/python/{missing}", lambda route: route.abort())
    return context


@pytest.mark.parametrize(
    ("taken_away", "sentence"),
    [
        ("delete self.WebAssembly", "This browser cannot run Python"),
        ("indexedDB.open = () => { throw new Error('off') }", "What you write is lost"),
    ],
)
def test_a_browser_that_lacks_something_gets_a_sentence(browser, server, taken_away, sentence):
    context = watched(browser.new_context(), server)
    context.add_init_script(taken_away)
    page = context.new_page()
    page.goto(server.url)
    expect(page.locator(SAYS)).to_contain_text(sentence, timeout=SLOW_MS)
    context.close()


def test_opened_again_it_needs_no_server(browser, root):
    """The first visit is kept by the browser, and the server stops."""
    server = Server(root / SITE)
    context = watched(browser.new_context(viewport=PAGE), server)
    page = context.new_page()
    page.goto(server.url)
    page.wait_for_function(OPEN, arg=f"notebooks/{FIRST}")
    ready(page)
    page.locator(f"{SAYS}[data-kept]").wait_for(state="attached")
    server.stop()
    page.goto(server.url)
    page.wait_for_function(OPEN, arg=f"notebooks/{FIRST}")
    opened(page, f"notebooks/{LESSONS[1].name}")
    page.evaluate(RUN, "notebook:run-all-cells")
    page.wait_for_function(DONE)
    assert page.evaluate(BAD_OUTPUTS) == []
    assert context.asked_elsewhere == []
    context.close()
