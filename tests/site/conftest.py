"""The built site on a port of its own, and one window of Chromium to open it with."""

import functools
import http.server
import threading
from types import SimpleNamespace

import pytest

from tests.browser.conftest import PAGE, browser, screenshots  # noqa: F401 - fixtures

SITE = "build/test-site"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files as `python -m http.server` does, without a line for each."""

    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def server(root):
    """What a learner's address answers: `url`, and `stop` to pull the plug."""
    if not (root / SITE / "index.html").exists():
        pytest.fail(f"There is no {SITE}: make test-site PYODIDE=folder")
    handler = functools.partial(Quiet, directory=root / SITE)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def stop():
        server.shutdown()
        server.server_close()

    yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}/", stop=stop)
    stop()


@pytest.fixture(scope="session")
def learner(browser, server):  # noqa: F811 - the fixture above
    """One learner's browser, with its storage; `asked_elsewhere` are requests to anybody else."""
    context = browser.new_context(viewport=PAGE, accept_downloads=True)
    context.set_default_timeout(180_000)
    context.asked_elsewhere = []
    yield watched(context, server)
    context.close()


def watched(context, server):
    """*context*, noting every request that leaves the site."""
    context.asked_elsewhere = []

    def note(request):
        if not request.url.startswith((server.url, "data:", "blob:")):
            context.asked_elsewhere.append(request.url)

    context.on("request", note)
    return context
