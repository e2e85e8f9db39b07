"""Every lesson as a learner meets it: open, restart and run all, turn each dial by keyboard."""

from pathlib import Path

import pytest
from playwright import sync_api as playwright
from playwright.sync_api import TimeoutError as NoChange

pytestmark = pytest.mark.browser

LESSONS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
RUN_MS = 120_000
TURN_MS = 1_000
PRESSES = 100  # enough to cross any dial
LONGEST_PX = 16_000  # the tallest picture Chromium takes
# Pages whose column is 832 and 1,112 pixels wide, and what a dial takes and gives in them.
WIDE_PX, DIAL_PX, TRACK_PX = (1000, 1280), 640, 250

# The button of something optional, and what is told before it is pressed.
REAL, NOBODY = "Ask the real qemu-img", "Nobody has asked"
# What stands above the answer of a dial that was saved.
GONE = "run this cell to turn it"

READY = """() => {
  const panel = window.jupyterapp?.shell?.currentWidget;
  return panel?.context?.isReady && panel.sessionContext.isReady
    && panel.sessionContext.session?.kernel?.status === "idle";
}"""
CELLS = """[...window.jupyterapp.shell.currentWidget.content.model.cells]
  .filter(cell => cell.type === "code" && cell.sharedModel.source.trim())"""
FINISHED = f"""() => {{
  const panel = window.jupyterapp.shell.currentWidget;
  return panel.sessionContext.session?.kernel?.status === "idle"
    && {CELLS}.every(cell => cell.executionCount);
}}"""
BAD_OUTPUTS = f"""() => {CELLS}.flatMap(cell => cell.toJSON().outputs)
  .filter(output => output.output_type === "error" || output.name === "stderr")"""
# What a panel shows: [its figures, the words for and beside them].
SHOWN = """panel => {
  const figures = [...panel.querySelectorAll("div[role=img]")];
  const beside = f => [...f.parentElement.children].filter(e => e !== f).map(e => e.innerText);
  return [figures.map(f => f.innerHTML).join(),
          figures.map(f => [f.getAttribute("aria-label"), ...beside(f)]).join(),
          [...panel.querySelectorAll(".widget-gridbox")].map(e => e.innerText).join()];
}"""
# In a table of hosts, one that is out already changes its own line alone.
CHANGED = f"""([panel, before]) => {{
  const now = ({SHOWN})(panel);
  return now[0] !== before[0] && now[1] !== before[1] || now[2] !== before[2];
}}"""
# The kernel has done all that it was asked to before: a turn is drawn, however busy the machine.
ANSWERED = """async () => {
  const asked = {code: "", silent: true, store_history: false};
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  await kernel.requestExecute(asked).done;
  return true;
}"""
HEIGHT = "panel => panel.getBoundingClientRect().height"
# Of each slider of a panel: its words, and how long its track is.
TRACKS = """panel => [...panel.querySelectorAll(".noUi-base")].map(
  e => [e.closest(".widget-slider").innerText, e.getBoundingClientRect().width])"""
# What of a panel's page stands to the right of it, where nobody can see it.
OUTSIDE = """panel => [...panel.querySelectorAll("*")]
  .filter(e => e instanceof HTMLElement)
  .filter(e => e.getBoundingClientRect().right > panel.getBoundingClientRect().right + 2)
  .map(e => e.innerText || e.className)"""
POSITION = "e => e.ariaValueNow ?? `${e.checked} ${e.value}`"
CHOICES = ".widget-toggle-buttons"
MORE = "more …"  # shows more buttons, and asks nothing
CHOSEN = ".mod-active"  # a button that is down
OTHER_ENTRY = "e => [...e.options].filter(o => !o.selected).slice(0, 1).map(o => o.text[0])"
NAME = "e => e.closest('.jupyter-widgets').innerText"


@pytest.fixture(params=LESSONS, ids=lambda path: path.stem)
def lesson(request, lab, page):
    """A lesson in JupyterLab, restarted and run from top to bottom."""
    page.goto(f"{lab.url}doc/tree/notebooks/{request.param.name}?token={lab.token}")
    page.wait_for_function(READY)
    run = "name => void window.jupyterapp.commands.execute(name)"  # never awaited: it may hang
    page.evaluate(run, "notebook:clear-all-cell-outputs")
    page.wait_for_function(f"() => {CELLS}.every(cell => !cell.executionCount)")
    page.evaluate(run, "notebook:restart-run-all")
    page.locator(".jp-Dialog .jp-mod-accept").click()
    page.wait_for_function(FINISHED, timeout=RUN_MS)
    return page


@pytest.fixture
def stem(request):
    return request.node.callspec.params["lesson"].stem


def test_runs_from_top_to_bottom_and_its_dials_turn(lesson, stem, screenshots):
    assert lesson.evaluate(BAD_OUTPUTS) == []
    panels = lesson.locator(".jp-OutputArea-output:has(div[role=img])")
    own = lesson.viewport_size
    for wide in WIDE_PX:
        lesson.set_viewport_size(own | {"width": wide})
        for panel in panels.all():
            has_room(panel)
    lesson.set_viewport_size(own)
    for place in range(panels.count()):
        for control, keys in controls(panels.nth(place)):
            turn(lesson, panels.nth(place), control, keys)
        for choices in panels.nth(place).locator(CHOICES).all():
            choose(lesson, panels.nth(place), choices)
        panels.nth(place).screenshot(path=screenshots / f"{stem}-dial-{place + 1}.png")
    for button in lesson.get_by_role("button", name=REAL).all():
        button.click()  # whatever it answers, it answers
        panel = lesson.locator(".jp-OutputArea-output", has=button)
        playwright.expect(panel).not_to_contain_text(NOBODY, timeout=RUN_MS)
        playwright.expect(panel).to_contain_text("qemu-img")
        panel.screenshot(path=screenshots / f"{stem}-real.png")
    picture_of_all(lesson, screenshots / f"{stem}.png")


@pytest.mark.parametrize("lesson", LESSONS[:1], indirect=True, ids=lambda path: path.stem)
def test_a_dial_whose_kernel_is_gone_stands_and_says_so(lesson):
    dial = lesson.locator(".jp-OutputArea-output:has(div[role=img])").first
    dial.scroll_into_view_if_needed()
    before = dial.evaluate(SHOWN)
    playwright.expect(dial).not_to_contain_text(GONE, use_inner_text=True)
    lesson.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    lesson.evaluate("window.jupyterapp.serviceManager.sessions.shutdownAll()")
    lesson.reload()
    lesson.wait_for_function(READY)
    dial.scroll_into_view_if_needed()
    playwright.expect(dial).to_contain_text(GONE, use_inner_text=True)
    assert dial.evaluate(SHOWN)[0] == before[0]


def has_room(panel):
    """The dial fits below the bars of a small screen, and each slider can be aimed at."""
    panel.scroll_into_view_if_needed()
    assert panel.evaluate(HEIGHT) <= DIAL_PX
    assert panel.evaluate(OUTSIDE) == []
    short = [words for words, width in panel.evaluate(TRACKS) if width < TRACK_PX]
    assert short == []


def controls(panel):
    """Every slider, tick box, choice and list of *panel*, each with the keys that turn it.

    Not the up and down arrows: JupyterLab keeps those for going from cell to cell. So a list is
    turned by the first letter of another entry.
    """
    kinds = {
        "[role=slider]": ("ArrowRight", "ArrowLeft"),
        "input[type=checkbox]": ("Space",),
        "input[type=radio]:checked": ("ArrowRight", "ArrowLeft"),
        "select": (),
    }
    found = [
        (control, keys or control.evaluate(OTHER_ENTRY))
        for selector, keys in kinds.items()
        for control in panel.locator(selector).all()
        if control.is_visible() and control.is_enabled()
    ]
    assert found or panel.locator(CHOICES).count(), "a figure that no dial turns"
    return found


def turn(page, panel, control, keys):
    """Press keys, up to the dial's end and all the way back, until figure and words changed."""
    before = panel.evaluate(SHOWN)
    control.focus()
    start = control.evaluate(POSITION)
    for key in keys:
        for _ in range(PRESSES):
            position = control.evaluate(POSITION)
            control.press(key)
            if control.evaluate(POSITION) == position:
                break  # the end of the dial
            page.wait_for_function(ANSWERED)
            try:
                state = [panel.element_handle(), before]
                page.wait_for_function(CHANGED, arg=state, timeout=TURN_MS)
            except NoChange:
                continue  # this step may make no difference, the next one may
            for _ in range(
                PRESSES
            ):  # back, so that the next control meets the lesson's own setting
                if control.evaluate(POSITION) == start:
                    break
                control.press(keys[0] if key == keys[-1] else keys[-1])
            return
    pytest.fail(f"nothing changes with the dial {control.evaluate(NAME)!r}")


def choose(page, panel, choices):
    """Press each button of a choice: each changes figure and words. Then the first one again."""
    begun = choices.locator(CHOSEN).text_content()  # the cell may be out of sight so far
    for button in choices.locator("button").all():
        if button.evaluate(f"e => e.matches('{CHOSEN}')") or MORE in button.text_content():
            continue
        before = panel.evaluate(SHOWN)
        button.focus()
        button.press("Enter")
        try:
            page.wait_for_function(CHANGED, arg=[panel.element_handle(), before])
        except NoChange:
            pytest.fail(f"nothing changes with the button {button.inner_text()!r}")
    choices.get_by_text(begun, exact=True).press("Enter")


def picture_of_all(page, path):
    """The lesson in one picture, as wide as a learner sees it."""
    height = page.evaluate("document.querySelector('.jp-WindowedPanel-outer').scrollHeight")
    page.set_viewport_size({"width": 1280, "height": min(height + 100, LONGEST_PX)})
    page.screenshot(path=path)
