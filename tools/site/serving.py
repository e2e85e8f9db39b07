"""The built site on a port of this machine, as any web server gives it out."""

import contextlib
import functools
import http.server
import threading


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files as ``python -m http.server`` does, without a line for each; counts the bytes."""

    def end_headers(self):
        """Let pages of other addresses read the files, as a Pyodide's own address does."""
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()

    def log_message(self, *_):
        """Say nothing."""

    def copyfile(self, source, outputfile):
        """Send a file."""
        data = source.read()
        self.server.sent += len(data)
        outputfile.write(data)


class Server(http.server.ThreadingHTTPServer):
    """Gives out a folder at ``url``; ``sent`` counts bytes of files, ``stop`` pulls the plug."""

    daemon_threads = True

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
        self.url, self.sent = f"http://127.0.0.1:{self.server_port}/", 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """Say nothing of a browser that went away."""

    def stop(self):
        """Answer no more."""
        with contextlib.suppress(OSError):
            self.shutdown()
            self.server_close()
