"""Weeks of a badge's life on a littlefs image of 512 blocks: erases by kind of life, and what a flood leaves.

Usage: micropython wear.py LIB FIRMWARE LIFE HOURS

LIFE: quiet (no contact), normal (500 contacts a day), crowded (5 000), hall (two hours a day with 200
people), spray (normal beside an attacker with a million identifiers a day, each for five seconds),
thousand (normal beside one who keeps 1 000 on air, at 70 dB), loud (the same at 50 dB).
Prints one line of JSON.
"""

import gc
import json
import sys

import parts
from parts import Nor, Nvs, Parts, Randomness, contact_id, number_of

BLOCKS = 512
LOG_BLOCKS = 180
DAY_S = 86400
ATTACKER = 1 << 40
HEADER = b"\x16\xff\xff\xff\x43\x58\x01"
SIGHTINGS = 241  # as the radio has it


class Person:
    """Somebody near: an identifier of 600 s after the other, for a time, at a distance."""

    def __init__(self, start_s, end_s, rssi_dbm):
        self.start_s = start_s
        self.end_s = end_s
        self.rssi_dbm = rssi_dbm
        self.ids = []  # [identifier number, from, to]


class Life:
    """Drives the observer scan by scan, as the radio would."""

    def __init__(self, kind, hours):
        from badge.observer import Observer
        from badge.sightings import Sightings
        from cx import profiles

        self.random = Randomness(5)
        self.kind = kind
        self.hours = hours
        self.nor = Nor(BLOCKS)
        parts.format_flash(self.nor)
        parts.mount(self.nor)
        self.badge = Parts(Nvs(None), LOG_BLOCKS, 16384)
        self.observer = Observer(
            None, self.badge.log, self.badge.clock, self.random, 0, profiles.profile("all-day")
        )
        self.sightings = Sightings(SIGHTINGS)
        self.payload = bytearray(HEADER + bytes(16))
        self.next = 0
        self.scans = 0
        self.people = []
        self.met = []
        self.sprayed = 0
        self.on_air = [ATTACKER + n for n in range(1000)] if kind in ("thousand", "loud") else []

    def scan(self, now_s):
        """Let one scan hear who is near, in the order in which their packets come."""
        heard = []
        for person in self.people:
            if not person.ids or person.ids[-1][2] <= now_s:
                end_s = min(now_s + self.random.between(480, 720), person.end_s)
                person.ids.append([self.next, now_s, end_s])
                self.next += 1
            heard.append((person.ids[-1][0], person.rssi_dbm))
        if self.kind == "spray":  # 11.6 a second, five seconds each: those of a scan of 4 s
            for _ in range(104):
                self.sprayed += 1
                heard.append((ATTACKER + self.sprayed, -self.random.between(40, 80)))
        for number in self.on_air:
            heard.append((number, -70 if self.kind == "thousand" else -50))
        for at in range(len(heard) - 1, 0, -1):
            other = self.random.between(0, at)
            heard[at], heard[other] = heard[other], heard[at]
        self.sightings.begin(self.random.between(0, 0xFFFFFF))
        for number, rssi_dbm in heard:
            self.payload[len(HEADER) :] = contact_id(number)
            self.sightings.note(memoryview(self.payload), rssi_dbm + self.random.between(-4, 0))
        self.sightings.tell(self.observer.heard)
        self.observer.end_scan()
        self.scans += 1

    def day(self, number):
        per_day = {"quiet": 0, "hall": 0, "crowded": 5000}.get(self.kind, 500)
        meetings = self.plan(number, per_day)
        now_s = self.badge.clock.uptime_s()
        end_s = min((number + 1) * DAY_S, self.hours * 3600)
        while now_s < end_s:
            while meetings and meetings[0].start_s <= now_s:
                self.people.append(meetings.pop(0))
                self.met.append(self.people[-1])
            self.people = [one for one in self.people if one.end_s > now_s]
            self.scan(now_s)
            if self.scans % 5 == 0:
                self.badge.clock.checkpoint()
            if self.scans % 60 == 0:
                self.badge.log.drop_expired()
            if self.on_air and self.scans % 10 == 0:
                self.on_air = [one + 1000 for one in self.on_air]
            parts.time.now_ms += self.random.between(45_000, 75_000)
            now_s = self.badge.clock.uptime_s()

    def plan(self, number, per_day):
        """Return a day's meetings, in order: of about 20 minutes (two or three contacts) over 16 hours."""
        meetings = []
        if self.kind == "hall":
            doors_s = number * DAY_S + 10 * 3600
            for _ in range(200):
                start_s = doors_s + self.random.between(0, 300)
                meetings.append(Person(start_s, start_s + 7200, -self.random.between(45, 75)))
        for _ in range(per_day * 10 // 23):
            start_s = number * DAY_S + self.random.between(7 * 3600, 22 * 3600)
            end_s = start_s + self.random.between(900, 1500)
            meetings.append(Person(start_s, end_s, -self.random.between(45, 75)))
        meetings.sort(key=lambda one: one.start_s)
        return meetings

    def result(self):
        self.observer.log_all()
        logged = {}
        attackers = 0
        oldest_s = None
        for contact in self.badge.log.contacts():
            oldest_s = contact.start_s if oldest_s is None else oldest_s
            number = number_of(contact.contact_id)
            if number >= ATTACKER:
                attackers += 1
            else:
                logged[number] = logged.get(number, 0) + contact.duration_s
        whole = near = near_whole = 0
        met = [one for one in self.met if one.start_s >= (oldest_s or 0)]
        for person in met:
            seconds = sum(logged.get(one[0], 0) for one in person.ids)
            is_whole = seconds >= (person.end_s - person.start_s) * 7 // 10
            whole += is_whole
            if person.rssi_dbm >= -55:
                near += 1
                near_whole += is_whole
        erases = self.nor.erases
        result = {
            "life": self.kind,
            "hours": self.hours,
            "contacts_per_day": self.next * 24 // self.hours,
            "erases_per_day": sum(erases) * 24 // self.hours,
            "most_on_one_block": max(erases),
            "nvs_commits_per_day": self.badge.nvs.commits * 24 // self.hours,
            "encounters": len(met),  # in the time that the log reaches back
            "kept": whole,
            "near_encounters": near,
            "near_kept": near_whole,
            "attacker_records": attackers,
            "table_bytes": sum(
                sum(len(one) for one in (page.ids, page.counts, page.least, page.now, page.flags))
                + 4 * len(page.words)
                for page in self.observer._visits._pages
            ),
        }
        result.update(self.observer.summary())
        result.update(self.badge.log.summary())
        return result


def main(arguments):
    parts.prepare(arguments[0], arguments[1])
    kind, hours = arguments[2], int(arguments[3])
    gc.threshold(1 << 19)  # what lives for weeks must not end up all over the heap
    life = Life(kind, hours)
    for number in range((hours + 23) // 24):
        life.day(number)
    print(json.dumps(life.result()))


main(sys.argv[1:])
