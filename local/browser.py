"""The browser that looks at the console: the distribution's Chromium. `python -m local.browser` finds or
installs it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from local.errors import LocalError

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_INSTALL = (("apt-get", "update", "-qq"), ("apt-get", "install", "-y", "-qq", "chromium"))
_SECONDS = 900.0

MISSING = (
    "There is no Chromium on PATH, so nothing can look at the console. Install it, on Debian and Ubuntu by:\n"
    "  sudo apt-get update && sudo apt-get install chromium"
)


def found() -> str | None:
    """Returns the path of the distribution's Chromium; None if there is none."""
    return next((path for path in map(shutil.which, _NAMES) if path), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """In the block, a headless Chromium runs. Raises LocalError if there is none."""
    path = found()
    if path is None:
        raise LocalError(MISSING)
    # Chromium has no sandbox of its own for root, who runs tests in containers; it sees our own page only.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*options, "--disable-dev-shm-usage"])
        try:
            yield browser
        finally:
            browser.close()


def main() -> int:
    """Install Chromium if it is missing and may be installed. Returns 1 if there is none then."""
    if found() is None and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Install Chromium, which tests the console …", flush=True)
        for command in _INSTALL:
            subprocess.run(
                command,
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                timeout=_SECONDS,
                check=False,
            )
    if found() is None:
        print(MISSING, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
