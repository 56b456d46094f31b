"""A real browser for the tests of pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a headless Chromium that finds no name but this computer's, whatever a page wants; else skip."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("no chromium: install it (Debian: apt install chromium)")
    arguments = ["--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost"]
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=program, args=arguments, chromium_sandbox=os.getuid() != 0
        )
        yield made
        made.close()
