"""Cuts the battery after every write to flash and half-way through it, and again in each recovery.

Usage: micropython powercut.py LIB FIRMWARE EVERY INNER

EVERY: cut at each EVERY-th step (1: all). INNER: the same for the steps of a recovery (0: none).
The scenario runs once and its steps on flash are noted; each cut is the flash as it was up to there.
"""

import sys

import parts
from parts import Nor, Nvs, Parts, contact_id, number_of

BLOCKS = 64
LOG_BLOCKS = 5
DAY = 86400
NOON = 1790000000
FAR = 1 << 40  # numbers of what recoveries append


class Scenario:
    """What the badge did: the steps on flash, and after which of them what must hold."""

    def __init__(self):
        self.journal = []
        self.marks = [(0, 0, 0)]  # (steps, first number held, number after the last)
        self.ids = []  # (steps, identifier that went on air)
        self.dated = None  # (steps, boot, second, date)
        self.next = 0
        self.lo = 0

    def mark(self, badge):
        self.lo = self.next - badge.log.count
        self.marks.append((len(self.journal), self.lo, self.next))

    def append(self, badge, count, step_s=70):
        from cx.contact import Contact

        for _ in range(count):
            parts.time.now_ms += step_s * 1000
            badge.log.append(
                Contact(contact_id(self.next), badge.clock.boot, badge.clock.uptime_s(), 600, 50, 55)
            )
            self.next += 1
        badge.log.flush()
        self.mark(badge)

    def identifier(self, badge):
        made = badge.seeds.next_identifier()
        self.ids.append((len(self.journal), made))

    def run(self, nor):
        nvs = Nvs(self.journal)
        badge = Parts(nvs, LOG_BLOCKS)
        self.identifier(badge)
        for day in range(6):
            for _ in range(2):
                self.append(badge, 5)
                self.identifier(badge)
            badge.clock.checkpoint()
            badge.storage.save_json("alerts", {"day": day})
            parts.time.now_ms += DAY * 1000
            badge.clock.uptime_s()
        # A restart, then the date becomes known
        badge = Parts(nvs, LOG_BLOCKS)
        badge.clock.set_unix(NOON)
        self.dated = (len(self.journal), badge.clock.boot, badge.clock.uptime_s(), NOON)
        for _ in range(8):
            self.append(badge, 32)  # a segment of two blocks
        self.identifier(badge)
        # Two weeks on, everything is expired
        parts.time.now_ms += 5 * DAY * 1000
        badge.clock.uptime_s()
        parts.time.now_ms += 5 * DAY * 1000
        badge.clock.uptime_s()
        parts.time.now_ms += 5 * DAY * 1000
        badge.log.drop_expired()
        self.mark(badge)
        self.append(badge, 4)


class Judge:
    """Starts a badge on a flash and looks for what must hold after ``steps`` steps of the scenario."""

    def __init__(self, scenario):
        self.scenario = scenario
        self.starts = 0
        self.records = 0

    def start(self, data, nvs_state, steps, journal=None):
        self.starts += 1
        nor = Nor(BLOCKS, journal, data)
        parts.mount(nor)
        try:
            badge = Parts(Nvs(journal, nvs_state), LOG_BLOCKS, seed=self.starts + 100)
            self.look(badge, steps)
            if journal is not None:
                self.go_on(badge, steps)
        finally:
            parts.unmount()

    def look(self, badge, steps):
        assert badge.storage.lost == [], badge.storage.lost
        found = list(badge.log.contacts())
        assert badge.log.summary()["damaged"] == 0
        numbers = [number_of(one.contact_id) for one in found]
        numbers = [number for number in numbers if number < FAR]
        for number in numbers:
            assert contact_id(number) in badge.log.filter
        before = [mark for mark in self.scenario.marks if mark[0] <= steps][-1]
        later = [mark for mark in self.scenario.marks if mark[0] > steps]
        after = later[0] if later else before
        self.records += len(numbers)
        first, end = (numbers[0], numbers[-1] + 1) if numbers else (after[1], after[1])
        assert numbers == list(range(first, end)), "a gap"
        assert before[1] <= first <= max(after[1], before[1]), (before, first, after)
        assert end in (before[2], after[2]) or not numbers, (before, end, after)
        for contact in found:
            assert contact.duration_s == 600 and contact.least_db == 50 and contact.mean_db == 55
        if self.scenario.dated[0] <= steps:
            _, boot, second, date = self.scenario.dated
            assert badge.clock.date_of(boot, second) == date

    def go_on(self, badge, steps):
        """The badge lives on: these are the steps that a second cut falls into."""
        from cx.contact import Contact

        badge.log.append(Contact(contact_id(FAR + self.starts), badge.clock.boot, 0, 600, 50, 55))
        badge.log.flush()
        badge.clock.checkpoint()
        sent = [made for when, made in self.scenario.ids if when <= steps]
        assert badge.seeds.next_identifier() not in sent
        badge.storage.save_json("alerts", {"day": -1})


def cut(judge, data, nvs_state, steps, inner):
    """Start on a flash as it was cut; then cut the recovery in the same way."""
    journal = [] if inner else None
    start = bytes(data) if inner else b""
    judge.start(data, nvs_state, steps, journal)
    if not inner:
        return
    state = nvs_state
    flash = Nor(BLOCKS, None, bytearray(start))
    for at, step in enumerate(journal):
        if at % inner == 0:
            judge.start(bytearray(flash.data), state, steps)
            flash_half = Nor(BLOCKS, None, bytearray(flash.data))
            flash_half.half(step)
            judge.start(flash_half.data, state, steps)
        if step[0] == "nvs":
            state = step[1]
        flash.whole(step)


def main(arguments):
    parts.prepare(arguments[0], arguments[1])
    every, inner = int(arguments[2]), int(arguments[3])
    scenario = Scenario()
    nor = Nor(BLOCKS)
    parts.format_flash(nor)
    blank = bytes(nor.data)
    nor.journal = scenario.journal
    parts.mount(nor)
    scenario.run(nor)
    parts.unmount()
    judge = Judge(scenario)
    flash = Nor(BLOCKS, None, bytearray(blank))
    state = {}
    points = 0
    for steps, step in enumerate(scenario.journal):
        if steps % every == 0:
            points += 2
            cut(judge, bytearray(flash.data), state, steps, inner)
            halved = Nor(BLOCKS, None, bytearray(flash.data))
            halved.half(step)
            cut(judge, halved.data, state, steps, inner)
        if step[0] == "nvs":
            state = step[1]
        flash.whole(step)
    judge.start(flash.data, state, len(scenario.journal))
    steps = len(scenario.journal)
    print(
        "%d steps on flash, %d cut points, %d cuts with those in recoveries"
        % (steps, points, judge.starts - 1)
    )
    print("%d records read, none lost beyond the last batch" % judge.records)


main(sys.argv[1:])
