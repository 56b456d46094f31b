"""Badges on pseudo-terminals at the pace of a serial line, with the companion and mpremote as they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import serial
from publisher_support import Owner

from cxhost import sync
from cxhost.companion import Badge, BadgeError
from cxhost.consent import press_ms
from cxhost.interpreter import InterpreterError, interpreter
from cxhost.publisher import Publisher, listen, make_localhost_tls, serve
from cxhost.transport import SerialTransport

try:
    interpreter()
except InterpreterError as missing:
    pytest.skip(str(missing), allow_module_level=True)

# In `make hub` 20, and a site's list: their matching shares this computer's cores.
SITE_BADGES = int(os.environ.get("CXBADGE_HUB", "2"))
SITE_SEEDS = 800 if "CXBADGE_HUB" in os.environ else 14
SITE_S = 300
LINE_BYTES_PER_S = 11_520


@pytest.fixture
def plugged(tmp_path):
    """One badge that runs its application, and a companion whose owner presses the button."""
    from cxhost.sim.hub import Hub

    with Hub(tmp_path, 1) as hub:
        badge = hub.badges[0]
        transport = SerialTransport(badge.port)
        companion = Badge(transport, lambda kind, _seconds: badge.press(press_ms(kind)))
        answering(companion)
        yield badge, companion, transport
        transport.close()


def answering(companion: Badge) -> dict:
    """Return a badge's hello, as soon as it is up."""
    for _ in range(10):
        try:
            return companion.hello()
        except BadgeError:
            continue
    raise AssertionError("the badge does not come up")


def mpremote(port: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mpremote", "connect", port, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_lines_pace_and_ring(plugged):
    badge, companion, transport = plugged
    began = time.monotonic()
    with pytest.raises(BadgeError, match="1024"):
        companion.request("x" * 2000)
    assert time.monotonic() - began > 1024 / LINE_BYTES_PER_S
    transport.write(bytes(2000))  # noise, which a badge that listens takes as it comes
    time.sleep(0.5)
    assert answering(companion)["protocol"] == 1
    assert badge.lost == 0

    def distract(_kind: str, _seconds: int) -> None:
        transport.write(bytes(2000))
        time.sleep(0.4)
        badge.press()

    assert Badge(transport, distract).request("alerts", timeout_s=10)["alerts"] == []
    assert badge.lost >= 2000 - 259  # it waited for its owner and read nothing


@pytest.mark.skipif(sys.platform == "win32", reason="pyserial's POSIX port is looked into")
def test_opening_and_closing_moves_neither_dtr_nor_rts(plugged, monkeypatch):
    badge, _, transport = plugged
    transport.close()
    moves = []
    monkeypatch.setattr(serial.Serial, "_update_dtr_state", lambda port: moves.append(("dtr", port.dtr)))
    monkeypatch.setattr(serial.Serial, "_update_rts_state", lambda port: moves.append(("rts", port.rts)))
    SerialTransport(badge.port).close()
    assert moves and all(is_raised for _, is_raised in moves), moves


def test_mpremote_gets_in_with_the_button_only(plugged):
    badge, companion, transport = plugged
    transport.write(b"\x03" * 50 + b"\r\x01\x04\x02")  # what tools send to get a prompt
    assert answering(companion)["board"] == "sim"
    transport.close()
    badge.reset(press_button=True)
    done = mpremote(badge.port, "exec", "import os; print('data' in os.listdir('/'), 6 * 7)")
    assert done.stdout.split() == ["True", "42"], done.stderr
    badge.reset()
    transport._serial.open()
    assert answering(companion)["board"] == "sim"


def test_ctrl_c_floods_during_the_start(plugged):
    """But for the microseconds before the first statement of boot.py and of main.py (SECURITY.md)."""
    badge, companion, transport = plugged
    is_over = threading.Event()

    def flood() -> None:
        while not is_over.is_set():
            transport.write(b"\x03" * 110)
            time.sleep(0.01)

    thread = threading.Thread(target=flood)
    thread.start()
    badge.reset()
    time.sleep(5)
    is_over.set()
    thread.join()
    seen = transport.read(0.2)
    assert b">>>" not in seen and b"Traceback" not in seen
    assert answering(companion)["board"] == "sim"


def test_a_replugged_cable_and_a_restart_in_the_middle(plugged, tmp_path):
    badge, companion, transport = plugged
    name = "Ruritania Health Service"
    with Publisher.create(tmp_path / "publisher", name, "https://health.example/cx.json") as publisher:
        companion.request("set_time", unix=int(time.time()))
        known = sync.provision(companion, publisher.descriptor_file.read_text())["id"]

    class Pulled(Exception):
        pass

    def pull(done: int, _total: int) -> None:
        if done > 6000:
            raise Pulled

    data, held = bytes(12_000), []
    with pytest.raises(Pulled):
        companion.put("publication", data, progress=pull, publisher=known)
    transport.close()
    transport._serial.open()
    again = Badge(transport)
    with pytest.raises(Pulled):
        again.put(
            "publication", data, progress=lambda done, _: held.append(done) or pull(done, 0), publisher=known
        )
    badge.reset()
    answering(again)
    with pytest.raises(BadgeError, match="CMS"):
        again.put("publication", data, progress=lambda done, _: held.append(done), publisher=known)
    assert held[0] > 6000 and held[1] > 4096 and held[-1] == len(data)


def test_badges_on_a_hub(tmp_path):
    """A list, in `make hub` one of 20 KB, to everybody at the line's pace."""
    from cxhost.sim.hub import Hub

    tls = make_localhost_tls(tmp_path)
    listener = listen()
    url = f"https://localhost:{listener.getsockname()[1]}/cx.json"
    name = "Ruritania Health Service"
    with (
        Publisher.create(tmp_path / "publisher", name, url, fewest_new_seeds=SITE_SEEDS) as publisher,
        Hub(tmp_path / "hub", SITE_BADGES) as hub,
        serve(publisher, tls, listener),
    ):
        publisher.accept_report(Owner(14).report(publisher.issue_code()))
        size = publisher.publish().path.stat().st_size
        assert size > SITE_SEEDS * 25
        time.sleep(5)  # main.py leaves three seconds to those who want the prompt
        options = ["--ca", str(tls.ca), "--json"]
        for port in hub.ports:
            options += ["--port", port]
        began = time.monotonic()
        cxbadge("provision", url, *options)
        lines = cxbadge("sync", *options)
        took = time.monotonic() - began
        lost = sum(badge.lost for badge in hub.badges)
    assert len(lines) == SITE_BADGES
    for line in lines:
        (result,) = line["publishers"]
        assert result["error"] is None and result["seeds"] >= SITE_SEEDS, line
    assert lost == 0
    assert size / LINE_BYTES_PER_S < took < SITE_S


def test_a_badge_that_is_plugged_in_again_is_served_again(tmp_path):
    """The port comes and goes as a USB device's name does."""
    from cxhost.sim.hub import Hub

    url = "https://health.example/cx.json"
    with (
        Publisher.create(tmp_path / "publisher", "Ruritania Health Service", url) as publisher,
        Hub(tmp_path / "hub", 1) as hub,
    ):
        name = tmp_path / "port0"
        command = [str(Path(sys.executable).parent / "cxbadge"), "provision", str(publisher.descriptor_file)]
        process = subprocess.Popen(
            [*command, "--port", str(tmp_path / "port*"), "--forever", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout is not None
            os.set_blocking(process.stdout.fileno(), False)
            served: list[dict] = []
            for _ in range(60):
                if not name.exists():
                    name.symlink_to(hub.ports[0])
                time.sleep(2)
                new = [json.loads(line) for line in process.stdout.readlines()]
                served += new
                if len(served) == 3:
                    break
                if new:  # done: the cable goes, and comes again
                    name.unlink()
                    time.sleep(2)
            process.terminate()
    assert [one["state"] for one in served] == ["done"] * 3


def cxbadge(*arguments: str) -> list[dict]:
    """Return the JSON that a command prints."""
    command = [str(Path(sys.executable).parent / "cxbadge"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SITE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
