"""What all tests share: a run in which every test has to run, as in CI."""

from __future__ import annotations

import os

import pytest


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With CX_NO_SKIPS set, a skipped test fails the run: CI installs what every test needs."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CX_NO_SKIPS") and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("CX_NO_SKIPS is set and tests were skipped", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
