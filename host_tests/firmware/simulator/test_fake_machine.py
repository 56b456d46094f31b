"""Pins, clocks, resets and randomness of a simulated badge."""

import pytest


def test_pins(printed):
    source = """
from machine import Pin
def attempt(*arguments):
    try:
        return Pin(*arguments)
    except ValueError as error:
        return str(error)
print(attempt(40), attempt(-1), attempt("D7"), attempt(24), attempt(36, Pin.OUT))
led = Pin(2, Pin.OUT, value=1)
print(Pin(2) is led, led.value(), led())
led.off(); led.toggle(); led(0)
print(led.value(), Pin(4, Pin.IN, Pin.PULL_UP).value(), Pin(5, Pin.IN).value())
"""
    assert printed(source) == ["invalid pin " * 4 + "pin can only be input", "True 1 1", "0 1 0"]


def test_pin_log_and_button(bench):
    made = bench(
        """
import board, time
led, button = board.led(), board.button()
def on_edge(pin):
    led(1 - pin.value())
button.irq(on_edge)
"""
    )
    badge = made.sim.add_badge("A")
    made.sim.run_for(5)
    badge.press_button(300)
    made.sim.run_for(5)
    first, down, up = badge.pin_log
    assert (first.pin, first.value) == (2, 0)
    assert (down.value, up.value) == (1, 0)
    assert (up.time - down.time).total_seconds() == pytest.approx(0.3)


def test_a_button_held_while_the_badge_starts(bench):
    made = bench("import board\nprint(board.button().value())")
    badge = made.sim.add_badge("A")
    badge.press_button(2000)
    made.sim.run_for(5)
    assert made.lines(badge) == ["0"]


def test_the_clock_counts_from_2000_and_dies_with_the_battery(bench):
    made = bench(
        """
import time, machine
print(time.gmtime(0)[:6], time.time(), machine.reset_cause() == machine.PWRON_RESET)
rtc = machine.RTC()
if machine.reset_cause() == machine.PWRON_RESET:
    rtc.memory(b"kept")
    rtc.datetime((2026, 3, 2, 0, 8, 30, 0, 0))
    print(time.gmtime()[:6], time.mktime((2026, 3, 2, 8, 30, 0, 0, 0)) == time.time(), rtc.datetime()[:7])
    time.sleep(9.5)
    machine.reset()
print(machine.reset_cause() == machine.HARD_RESET, time.gmtime()[:6], rtc.memory())
"""
    )
    badge = made.sim.add_badge("A")
    made.sim.run_for(20)
    first = ["(2000, 1, 1, 0, 0, 0) 0 True"]
    second = ["(2026, 3, 2, 8, 30, 0) True (2026, 3, 2, 0, 8, 30, 0)"]
    lines = made.lines(badge)
    assert lines[:2] == first + second
    assert lines[2].startswith("(2000, 1, 1, 0, 0, 0) 825")
    assert lines[3] == "True (2026, 3, 2, 8, 30, 10) b'kept'"
    badge.power_off()
    made.sim.run_for(3600)
    badge.power_on()
    made.sim.run_for(5)
    assert made.lines(badge)[:2] == first + second


def test_ticks_wrap_and_only_their_difference_tells(printed):
    source = """
import time
start = time.ticks_ms()
time.sleep_ms(2000)
end = time.ticks_ms()
print(end < start, time.ticks_diff(end, start), time.ticks_add(start, 2000) == end, start < 1 << 30)
try:
    time.ticks_add(0, 1 << 29)
except OverflowError as error:
    print(error)
"""
    lines = printed(source, ticks_start_ms=(1 << 30) - 1500)
    assert lines == ["True 2000 True True", "ticks interval overflow"]


def test_asyncio_sleeps_over_the_wrap(printed):
    source = """
import asyncio, time
async def main():
    for i in range(4):
        await asyncio.sleep(1)
        print(time.ticks_ms() < 10_000, time.time())
asyncio.run(main())
"""
    lines = printed(source, ticks_start_ms=(1 << 30) - 2600)
    assert lines == ["False 1", "False 2", "True 3", "True 4"]


def test_deep_sleep_and_watchdog(bench):
    made = bench(
        """
import machine, time
print(machine.reset_cause(), time.time())
if machine.reset_cause() == machine.PWRON_RESET:
    machine.deepsleep(60_000)
if machine.reset_cause() == machine.DEEPSLEEP_RESET:
    dog = machine.WDT(timeout=2000)
    for _ in range(5):
        time.sleep(1)
        dog.feed()
    time.sleep(10)
print("after the dog")
"""
    )
    badge = made.sim.add_badge("A")
    made.sim.run_for(100)
    assert made.lines(badge) == ["1 0", "4 60", "3 68", "after the dog"]


def test_randomness_repeats_with_the_seed_and_only_then(bench):
    source = "import os, random\nprint(os.urandom(40).hex(), random.getrandbits(30))"

    def drawn(seed: int, name: str, folder: str) -> str:
        made = bench(source, seed=seed, folder=folder)
        badge = made.sim.add_badge(name)
        made.sim.run_for(2)
        made.sim.close()
        return made.lines(badge)[0]

    first = drawn(1, "A", "first")
    assert drawn(1, "A", "second") == first
    others = {drawn(2, "A", "third"), drawn(1, "B", "fourth"), drawn(1, "A", "first"), first}
    assert len(others) == 4  # another seed, another badge, the same badge's next start


def test_what_an_esp32_does_not_have_is_not_there(printed):
    source = """
import os, machine, bluetooth, esp32, time
print([name for name in ("system", "getenv", "VfsPosix") if hasattr(os, name)])
print([name for name in ("mem32", "lightsleep") if hasattr(machine, name)], hasattr(time, "clock"))
try:
    open("/etc/hostname")
except OSError as error:
    print(error.errno)
"""
    assert printed(source) == ["[]", "[] False", "2"]
