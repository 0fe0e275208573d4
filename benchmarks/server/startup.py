"""What the panel adds to the start of JupyterLab in a browser: loads with and without it, in turn.

    PYTHONPATH=benchmarks python benchmarks/server/startup.py [loads]

Each load is in a new browser context, so with an empty cache, from the request until JupyterLab has
restored its layout. The panel is the one that is installed.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from cost import TOKEN, serve
from machine import describe_machine
from playwright.sync_api import Browser, sync_playwright

LOADS = 15
NOTE_RESTORED = """
const looking = setInterval(() => {
  if (window.jupyterapp) {
    clearInterval(looking);
    window.jupyterapp.restored.then(() => { window.restoredAt = performance.now(); });
  }
}, 2);
"""


def load(browser: Browser, url: str, *, panel: bool) -> float:
    """Return the milliseconds until the page is restored."""
    with browser.new_context() as context:
        page = context.new_page()
        page.add_init_script(NOTE_RESTORED)
        page.goto(f"{url}lab?token={TOKEN}")
        page.wait_for_function("window.restoredAt", timeout=120_000)
        shown = page.evaluate("window.jupyterapp.hasPlugin('dl-magics:panel')")
        assert shown is panel, "The panel is not installed, or not switched off."
        return float(page.evaluate("window.restoredAt"))


def main() -> None:
    print(describe_machine())
    loads = int(sys.argv[1]) if len(sys.argv) > 1 else LOADS
    taken: dict[bool, list[float]] = {False: [], True: []}
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.environ["DL_MAGICS_HOME"] = str(folder / "home")
        urls = {}
        for panel in taken:
            config = folder / f"config-{panel}"
            (config / "labconfig").mkdir(parents=True)
            disabled = {"disabledExtensions": {} if panel else {"dl-magics": True}}
            (config / "labconfig" / "page_config.json").write_text(json.dumps(disabled))
            os.environ["JUPYTER_CONFIG_DIR"] = str(config)
            served = serve(folder, "--LabApp.expose_app_in_browser=True", extension=panel, lab=True)
            urls[panel], _, _ = stack.enter_context(served)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for panel, url in urls.items():
            load(browser, url, panel=panel)
        for _ in range(loads):
            for panel, url in urls.items():
                taken[panel].append(load(browser, url, panel=panel))
        browser.close()
    without, with_it = (statistics.median(taken[each]) for each in (False, True))
    each = [has - lacks for lacks, has in zip(taken[False], taken[True], strict=True)]
    print(
        f"JupyterLab in the browser: {without:.0f} ms without, {with_it:.0f} ms with the panel "
        f"(medians of {loads}); with minus without, pair by pair: "
        f"median {statistics.median(each):+.0f} ms"
    )


if __name__ == "__main__":
    main()
