"""The companion runs on Linux, macOS and Windows: only simulator and publisher may need POSIX."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

HOST = Path(__file__).parents[2] / "host" / "cxhost"
POSIX_MODULES = {
    "crypt",
    "fcntl",
    "grp",
    "nis",
    "posix",
    "pty",
    "pwd",
    "resource",
    "syslog",
    "termios",
    "tty",
}
# In modules that all systems have: what Windows lacks.
POSIX_NAMES = {
    "chown",
    "fchmod",
    "fchown",
    "fork",
    "forkpty",
    "getegid",
    "geteuid",
    "getgid",
    "getpgid",
    "getuid",
    "killpg",
    "mkfifo",
    "nice",
    "openpty",
    "set_blocking",
    "setsid",
    "statvfs",
    "sysconf",
    "uname",
    "wait3",
    "SIGALRM",
    "SIGHUP",
    "SIGKILL",
    "SIGUSR1",
    "SIGUSR2",
    "alarm",
    "pthread_kill",
    "setitimer",
    "AF_UNIX",
    "socketpair",
}
NEEDED_HERE = {"fcntl", "posix", "pwd", "termios"}  # by Python or pyserial on this system
POSIX_ARGUMENTS = {"pass_fds", "preexec_fn", "start_new_session"}


def of_the_companion() -> list[Path]:
    others = {"sim", "publisher"}
    return sorted(path for path in HOST.rglob("*.py") if not others & set(path.relative_to(HOST).parts))


@pytest.mark.parametrize("path", of_the_companion(), ids=lambda path: path.name)
def test_no_posix_only_calls(path):
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in POSIX_MODULES]
        elif isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            found += [node.module] if (node.module or "").split(".")[0] in POSIX_MODULES else []
            found += names & POSIX_NAMES if node.module in ("os", "signal", "socket") else []
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            is_system = node.value.id in ("os", "signal", "socket", "time")
            found += [node.attr] if is_system and node.attr in POSIX_NAMES else []
        elif isinstance(node, ast.keyword):
            found += [node.arg] if node.arg in POSIX_ARGUMENTS else []
    assert not found


def test_the_commands_load_where_those_modules_are_missing():
    """As on Windows, as far as that can be seen here: ``--help`` and the list of ports work without them."""
    program = (
        "import sys\n"
        f"for name in {sorted(POSIX_MODULES - NEEDED_HERE)!r}:\n"
        "    sys.modules[name] = None\n"
        "import serial, serial.tools.list_ports\n"  # pyserial itself takes termios and fcntl here
        "for name in ('termios', 'fcntl'):\n"
        "    sys.modules[name] = None\n"
        "from cxhost import cli\n"
        "assert 'cxhost.sim' not in sys.modules\n"
        "sys.argv = ['cxbadge', 'devices', '--json']\n"
        "cli.main()\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120
    )
    assert run.returncode == 0 and run.stdout.startswith("["), run.stderr
