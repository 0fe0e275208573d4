"""What a browser sends to the Jupyter of an instance: no cookies of this computer's own Jupyter."""

from __future__ import annotations

import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dl_magics.actions.gpu import jupyter

CHROMIUM = shutil.which("chromium")
SECRET = "username-127-0-0-1-8888=SECRET; HttpOnly; SameSite=Strict; Path=/"


@pytest.fixture
def serve():
    """Start servers on the loopback; each answers with what a function of its request returns."""
    running = []

    def start(answer):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                status, headers, body = answer(self)
                self.send_response(status)
                for header in [("Content-Type", "text/html"), *headers]:
                    self.send_header(*header)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return server.server_port

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("jupyter_at", ["127.0.0.1", "localhost"])
def test_cookies_of_this_computers_jupyter_do_not_reach_an_instance(serve, tmp_path, jupyter_at):
    name = jupyter.local_hostname("i-0123456789abcdef0")
    seen = []

    def instance(request):
        seen.append((request.headers["Host"].partition(":")[0], request.headers.get("Cookie")))
        return 200, [], b"<title>instance</title>"

    port = serve(instance)
    pages = "".join(f'<img src="http://{host}:{port}/">' for host in (jupyter_at, name))
    page = f'{pages}<meta http-equiv="refresh" content="1; url=http://{name}:{port}/">'
    own = serve(lambda _: (200, [("Set-Cookie", SECRET)], page.encode()))

    words = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000"]
    profile = f"--user-data-dir={tmp_path}"
    url = f"http://{jupyter_at}:{own}/"
    subprocess.run(
        ["timeout", "60", CHROMIUM, *words, profile, "--dump-dom", url],
        capture_output=True,
        check=False,
    )

    assert (jupyter_at, SECRET.partition(";")[0]) in seen
    assert {cookie for host, cookie in seen if host == name} == {None}


def test_hosts_have_names_of_their_own_that_a_browser_takes():
    aliases = ["i-0123456789abcdef0", "ann@lab", "ann-lab", "Ann@lab", "root@[::1]:22", "x" * 300]

    names = [jupyter.local_hostname(alias) for alias in aliases]

    assert names[0] == "i-0123456789abcdef0.localhost"
    assert len(set(names)) == len(names)
    for name in names:
        label, _, rest = name.partition(".")
        assert rest == "localhost"
        assert len(label) <= 63
        assert label.replace("-", "").isalnum()
        assert not label.startswith("-")
