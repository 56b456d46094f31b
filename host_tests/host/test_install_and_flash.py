"""Installing with the real mpremote onto a badge on a pseudo-terminal; what is checked before flashing."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
import time

import pytest

from cxhost.boards import Image, load_board
from cxhost.build import build
from cxhost.companion import Badge
from cxhost.flash import FlashError, flash, identify
from cxhost.image import Filesystem, application
from cxhost.install import InstallError, install, install_files
from cxhost.interpreter import InterpreterError, interpreter
from cxhost.transport import open_transport


@pytest.fixture
def badge(tmp_path):
    from cxhost.sim.pty import PtyBadge

    try:
        interpreter()
    except InterpreterError as error:
        pytest.skip(str(error))
    with PtyBadge(tmp_path / "badge") as made:
        yield made


def mpremote(badge, *arguments: str) -> str:
    command = [sys.executable, "-m", "mpremote", "connect", badge.port, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def read_until(badge, text: bytes) -> None:
    transport = open_transport(badge.port)
    try:
        seen = b""
        for _ in range(150):
            seen += transport.read(0.2)
            if text in seen:
                return
        raise AssertionError(seen)
    finally:
        transport.close()


def test_mpremote_works_as_on_a_board(badge, tmp_path):
    assert mpremote(badge, "eval", "6 * 7").strip() == "42"
    assert mpremote(badge, "exec", "import os; print(os.listdir('/'))").strip() == "[]"
    (tmp_path / "hello.txt").write_bytes(bytes(range(256)) * 30)
    mpremote(badge, "fs", "mkdir", "data", "+", "fs", "cp", str(tmp_path / "hello.txt"), ":data/hello.txt")
    assert "7680 hello.txt" in mpremote(badge, "fs", "ls", ":data")
    digest = hashlib.sha256((tmp_path / "hello.txt").read_bytes()).hexdigest()
    assert digest in mpremote(badge, "fs", "sha256sum", ":data/hello.txt")
    mpremote(badge, "fs", "cp", ":data/hello.txt", str(tmp_path / "back.txt"))
    assert (tmp_path / "back.txt").read_bytes() == (tmp_path / "hello.txt").read_bytes()
    with pytest.raises(subprocess.CalledProcessError) as caught:
        mpremote(badge, "exec", "open('/etc/hostname')")
    assert "ENOENT" in caught.value.stdout + caught.value.stderr  # the computer's files are not the badge's


def test_a_running_program_is_interrupted_and_comes_back(badge, tmp_path):
    program = tmp_path / "main.py"
    program.write_text("import time\nprint('application')\nwhile True:\n    time.sleep(1)\n")
    mpremote(badge, "fs", "cp", str(program), ":main.py")
    for _ in range(2):
        mpremote(badge, "reset")
        # Until a file runs, Ctrl-C is a byte like others, and mpremote sends it once.
        read_until(badge, b"application")
        assert mpremote(badge, "eval", "1 + 1").strip() == "2"
    assert mpremote(badge, "exec", "import machine; print(machine.reset_cause())").strip() == "5"


def test_only_changed_files_are_copied_and_old_ones_removed(badge, tmp_path):
    folder = tmp_path / "application"
    (folder / "badge" / "drivers").mkdir(parents=True)
    (folder / "lib" / "cx").mkdir(parents=True)
    for path in ("badge/a.mpy", "badge/drivers/b.mpy", "lib/cx/c.mpy", "main.py"):
        (folder / path).write_text(f"# {path}\n")
    steps: list[str] = []
    done = install_files(folder, badge.port, steps.append)
    assert done.copied == ("badge/a.mpy", "badge/drivers/b.mpy", "lib/cx/c.mpy", "main.py")
    assert tuple(steps) == done.copied and done.removed == ()
    mpremote(badge, "exec", "open('/data', 'w').close()")
    (folder / "badge" / "a.mpy").write_text("changed\n")
    (folder / "lib" / "cx" / "c.mpy").unlink()
    done = install_files(folder, badge.port, steps.append)
    assert (done.copied, done.removed, done.unchanged) == (("badge/a.mpy",), ("lib/cx/c.mpy",), 2)
    badge.power_off()
    files = Filesystem(load_board("sim"), badge.flash_path.read_bytes()).files()
    assert set(files) == {"/badge/a.mpy", "/badge/drivers/b.mpy", "/main.py", "/data"}


def test_the_installed_application_answers(badge, monkeypatch):
    done = install(load_board("sim"), badge.port)
    assert "main.py" in done.copied and done.copied[-1] == "main.py"
    monkeypatch.setattr("cxhost.install._PROMPT_S", 5)
    time.sleep(5)  # the application runs: Ctrl-C is data, only the owner's button opens the prompt
    with pytest.raises(InstallError, match="press its button within three seconds"):
        install(load_board("sim"), badge.port)
    badge.reset(press_button=True)
    assert install(load_board("sim"), badge.port).copied == ()
    transport = open_transport(badge.port)
    try:
        time.sleep(4)  # main.py leaves three seconds to those who want the prompt
        hello = Badge(transport, lambda _what, _seconds: None).hello()
    finally:
        transport.close()
    assert hello["board"] == "sim"


def test_mip_installs_what_was_built(badge):
    """``mpremote mip install`` with the package beside the bytecode, from a folder as from a server."""
    folder = build(load_board("sim"))
    mpremote(badge, "mip", "install", "--target=", str(folder / "package.json"))
    badge.power_off()
    files = Filesystem(load_board("sim"), badge.flash_path.read_bytes())
    wanted = application(folder)
    assert set(files.files()) == {f"/{name}" for name in wanted}
    assert all(files.read(f"/{name}") == content for name, content in wanted.items())
    order = [name for name, _ in json.loads((folder / "package.json").read_text())["urls"]]
    assert order[-1] == "main.py"


def test_a_port_without_a_board_is_one_clear_line(tmp_path):
    folder = tmp_path / "application"
    folder.mkdir()
    with pytest.raises(InstallError, match="no-such-port") as caught:
        install_files(folder, str(tmp_path / "no-such-port"), print)
    assert "\n" not in str(caught.value)


@pytest.fixture
def esp32():
    return load_board("ESP32_GENERIC")


def test_a_known_image_is_recognised(esp32, tmp_path):
    firmware = tmp_path / "image.bin"
    firmware.write_bytes(b"\xe9" + bytes(100))
    assert identify(esp32, firmware) is None
    image = Image("image.bin", "9.9", hashlib.sha256(firmware.read_bytes()).hexdigest())
    assert identify(dataclasses.replace(esp32, images=(image,)), firmware) == image


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (b"", "must begin with"),
        (b"PK", "must begin with"),
        (b"\xe9" * 5_000_000, "room"),
    ],
)
def test_what_cannot_be_an_image_is_refused(esp32, tmp_path, content, said):
    firmware = tmp_path / "image.bin"
    if content is not None:
        firmware.write_bytes(content)
    with pytest.raises(FlashError, match=said):
        flash(esp32, "unused", firmware, confirm=lambda _question: pytest.fail("asked"))


def test_the_simulated_board_has_nothing_to_flash(tmp_path):
    with pytest.raises(FlashError, match="no flash to write"):
        identify(load_board("sim"), tmp_path / "image.bin")


def test_an_unknown_image_is_a_question(esp32, tmp_path):
    firmware = tmp_path / "image.bin"
    firmware.write_bytes(b"\xe9" + bytes(100))
    questions = []
    with pytest.raises(FlashError, match="nothing was written"):
        flash(esp32, "unused", firmware, confirm=lambda question: bool(questions.append(question)))
    assert hashlib.sha256(firmware.read_bytes()).hexdigest() in questions[0] and "1.26.1" in questions[0]


def test_esptool_is_called_and_its_failure_told(esp32, tmp_path, capfd):
    firmware = tmp_path / "image.bin"
    firmware.write_bytes(b"\xe9" + bytes(100))
    with pytest.raises(FlashError, match="esptool write-flash failed"):
        flash(esp32, str(tmp_path / "no-port"), firmware, confirm=lambda _question: True, attempts=1)
    assert "esptool" in capfd.readouterr().out.lower()
