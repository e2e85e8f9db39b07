"""The built site on a port of its own, and one window of Chromium to open it with."""

import pytest

from tests.browser.conftest import PAGE, browser, screenshots  # noqa: F401 - fixtures
from tools.site.serving import Server

SITE = "build/test-site"
SLOW_MS = 600_000  # for a machine whose cores are busy


@pytest.fixture(scope="session")
def server(root):
    """What a learner's address answers."""
    if not (root / SITE / "index.html").exists():
        pytest.fail(f"There is no {SITE}: make test-site PYODIDE=folder")
    server = Server(root / SITE)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def learner(browser, server):  # noqa: F811 - the fixture above
    """One learner's browser, with its storage; `asked_elsewhere` are requests to anybody else."""
    context = browser.new_context(viewport=PAGE, accept_downloads=True)
    yield watched(context, server)
    context.close()


def watched(context, server):
    """*context* with time enough, noting every request that leaves the site."""
    context.set_default_timeout(SLOW_MS)
    context.asked_elsewhere = []

    def note(request):
        if not request.url.startswith((server.url, "data:", "blob:")):
            context.asked_elsewhere.append(request.url)

    context.on("request", note)
    return context
