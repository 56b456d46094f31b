"""The radio of a simulated badge is as strict as NimBLE on an ESP32."""

import pytest

SETUP = """
import bluetooth, time
def attempt(call, *arguments, **named):
    try:
        print(call(*arguments, **named))
    except Exception as error:
        print(type(error).__name__, *error.args)
ble = bluetooth.BLE()
"""


def test_there_is_one_radio(printed):
    assert printed(SETUP + "print(bluetooth.BLE() is ble, ble.active())") == ["True False"]


def test_nothing_works_while_the_radio_is_off(printed):
    source = """
attempt(ble.config, "mac")
attempt(ble.config, addr_mode=3)
attempt(ble.gap_advertise, 250_000, b"")
attempt(ble.gap_scan, 1000)
attempt(ble.gap_advertise, None)
"""
    assert printed(SETUP + source) == ["OSError 19"] * 4 + ["None"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("ble.config, rxbuf=512", "ValueError unknown config param"),
        ("ble.config, 'rxbuf'", "ValueError unknown config param"),
        ("ble.config, colour=1", "ValueError unknown config param"),
        ("ble.config, 'mac', 'mtu'", "TypeError must query one param"),
        ("ble.config, 'mac', addr_mode=3", "TypeError can't specify pos and kw args"),
        ("ble.gap_advertise, 250_000, bytes(32)", "OSError 22"),
        ("ble.gap_advertise, 250_000, bytes(31), connectable=False", "None"),
        ("ble.gap_advertise, 99_000, b'', connectable=False", "OSError 22"),
        ("ble.gap_advertise, 19_000, b''", "OSError 22"),
        ("ble.gap_advertise, 11_000_000, b''", "OSError 22"),
        ("ble.gap_advertise, 250_000, 'text', connectable=1, colour=2", "TypeError"),
        ("ble.gap_scan, 1000, 30_000, 40_000", "OSError 22"),
        ("ble.gap_scan, 1000, 30_000, 30_000, True", "NotImplementedError"),
        ("ble.irq, 7", "ValueError invalid handler"),
    ],
)
def test_bad_calls_raise_what_the_port_raises(printed, call, said):
    lines = printed(SETUP + f"ble.active(True)\nattempt({call})\n")
    assert len(lines) == 1 and lines[0].startswith(said)


def test_a_second_scan_is_refused(printed):
    source = "ble.active(True)\nble.gap_scan(1000)\nattempt(ble.gap_scan, 1000)\n"
    assert printed(SETUP + source) == ["OSError 114"]


def test_addresses_change_only_in_silence(printed):
    source = """
ble.active(True)
kind, public = ble.config("mac")
ble.config(addr_mode=3)
first = ble.config("mac")
print(kind, first[0], first[1] != public, first[1][0] >> 6)
ble.gap_advertise(250_000, b"x", connectable=False)
ble.config(addr_mode=3)
print(ble.config("mac") == first)
ble.gap_advertise(None)
ble.gap_scan(0)
ble.config(addr_mode=3)
print(ble.config("mac") == first)
ble.gap_scan(None)
ble.config(addr_mode=3)
print(ble.config("mac") == first)
ble.config(addr_mode=1)
print(ble.config("mac")[1][0] >> 6)
ble.config(addr_mode=0)
print(ble.config("mac") == (0, public))
"""
    assert printed(SETUP + source) == ["0 1 True 0", "True", "True", "False", "3", "True"]


def test_what_is_on_air_is_what_the_port_would_send(bench):
    made = bench(
        SETUP
        + """
ble.active(True)
ble.config(addr_mode=3)
print(ble.config("mac")[1].hex())
ble.gap_advertise(250_300, b"one", connectable=False)
time.sleep(10)
ble.gap_advertise(200_000, None, connectable=True)
time.sleep(10)
ble.gap_advertise(None)
attempt(ble.gap_advertise, 200_000, bytes(40))
"""
    )
    badge = made.sim.add_badge("A")
    made.sim.run_for(60)
    address = bytes.fromhex(made.lines(badge)[0])
    first, gap, second, end = made.sim.on_air
    assert first[2:] == (address, 2, b"one", 250_000)
    assert second[2:] == (address, 0, b"one", 200_000)
    assert gap.interval_us == end.interval_us == 0 and gap.payload == end.payload == b""
    assert [round((sent.time - first.time).total_seconds()) for sent in (gap, second, end)] == [10, 10, 20]


SCANNER = (
    SETUP
    + """
kept = []
ble.active(True)
ble.config(addr_mode=3)
def on_event(event, data):
    if event == 5:
        print("heard", data[0], data[2], bytes(data[4]) == b"hello", -90 < data[3] < -20)
        kept.append((data[1], data[4]))
    else:
        print("done", event, data)
ble.irq(on_event)
ble.gap_advertise(250_000, b"hello", connectable=False)
ble.gap_scan(1000, 30_000, 30_000)
time.sleep(2)
print(len(kept), [bytes(view) for pair in kept for view in pair if bytes(view).strip(b"\\xa5")])
"""
)


def test_views_die_with_the_call(bench):
    made = bench(SCANNER)
    one, other = made.sim.add_badge("A"), made.sim.add_badge("B", (1.0, 0.0))
    made.sim.run_for(10)
    for badge in (one, other):
        *heard, done, kept = made.lines(badge)
        assert 3 <= len(heard) <= 5 and set(heard) == {"heard 1 2 True True"}
        assert done == "done 6 ()"
        assert kept == f"{len(heard)} []"


def test_stopping_a_scan_reports_its_end_at_once(printed):
    source = """
ble.active(True)
ble.irq(lambda event, data: print(event, data))
ble.gap_scan(5000)
print("on")
ble.gap_scan(None)
print("off")
ble.gap_scan(None)
"""
    assert printed(SETUP + source) == ["on", "6 ()", "off"]


def test_a_handler_that_raises_is_never_called_again(bench):
    from cxhost.sim import SimulationError

    made = bench(
        SETUP
        + """
ble.active(True)
def bad(event, data):
    raise ValueError("mine")
ble.irq(bad)
ble.gap_scan(100)
"""
    )
    badge = made.sim.add_badge("A")
    with pytest.raises(SimulationError, match="ValueError: mine"):
        made.sim.run_for(10)
    assert "Unhandled exception in IRQ callback handler" in badge.crashed
