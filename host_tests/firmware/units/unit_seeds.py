"""The life of seeds, with the battery pulled at every write. Runs inside MicroPython."""

import os

from badge.randomness import Randomness, RandomnessError
from badge.seeds import Seeds
from cx import p256, seedcalc
from cx.generator import Generator

DAY = 86_400
TODAY = 20_500


class Cut(BaseException):
    """The battery is gone."""


class Flash:
    """Files and NVS in memory, as durable as the badge's: a write is whole or not there; commits count.

    ``cut`` is the number of the write at which the battery goes, ``late`` whether it is done before that.
    """

    def __init__(self):
        self.files = {}
        self.nvs = {}
        self._uncommitted = {}
        self.writes = 0
        self.log = []
        self.cut = -1
        self.late = False

    def _write(self, what, change):
        number = self.writes
        self.writes += 1
        self.log.append(what)
        if number == self.cut and not self.late:
            raise Cut
        change()
        if number == self.cut:
            raise Cut

    def plug_in(self):
        self._uncommitted = {}
        self.cut = -1

    # Storage
    def make_folder(self, name):
        pass

    def path(self, name):
        return name

    def names(self, folder):
        return [name[len(folder) + 1 :] for name in self.files if name.startswith(folder + "/")]

    def exists(self, name):
        return name in self.files

    def load(self, name):
        found = self.files.get(name)
        return None if found is None else bytearray(found)

    def save(self, name, payload):
        self._write("save " + name, lambda: self.files.update({name: bytes(payload)}))

    def remove(self, name):
        self._write("remove " + name, lambda: self.files.pop(name, None))

    # NVS
    def get_i32(self, key):
        if key not in self.nvs:
            raise OSError(-0x1102)
        return self._uncommitted.get(key, self.nvs[key])

    def set_i32(self, key, value):
        self._uncommitted[key] = value

    def commit(self):
        self._write("commit", lambda: self.nvs.update(self._uncommitted))


class Clock:
    """Time as the test wants it. ``known``: whether the date of this boot is known."""

    def __init__(self, known=True):
        self.boot = 0
        self.now = TODAY * DAY + 3600
        self._boot_at = {0: self.now}
        self._known = {0} if known else set()

    def restart(self, off_s, known):
        self.now += off_s
        self.boot += 1
        self._boot_at[self.boot] = self.now
        if known:
            self._known.add(self.boot)

    def uptime_s(self):
        return self.now - self._boot_at[self.boot]

    def unix(self):
        return self.date_of(self.boot, self.uptime_s())

    def day(self):
        now = self.unix()
        return None if now is None else now // DAY

    def date_of(self, boot, second):
        return self._boot_at[boot] + second if boot in self._known else None

    def is_expired(self, boot, second, retention_s):
        return self.now - self._boot_at[boot] - second >= retention_s


class On:
    def is_active(self):
        return True


class Badge:
    """Seeds on a flash that survives ``restart``."""

    def __init__(self, known=True):
        self.flash = Flash()
        self.clock = Clock(known)
        self.given = []
        self.seeds = self._start()

    def _start(self):
        flash = self.flash
        listdir = os.listdir
        os.listdir = lambda folder: [name[6:] for name in flash.files if name.startswith("seeds/")]
        try:
            return Seeds(flash, flash, self.clock, Randomness(flash, On()), 14)
        finally:
            os.listdir = listdir

    def restart(self, off_s=1, known=True):
        self.flash.plug_in()
        self.clock.restart(off_s, known)
        self.seeds = self._start()

    def use(self, count):
        for _ in range(count):
            self.given.append(self.seeds.next_identifier())
            self.clock.now += 600

    def slots(self):
        return {int(n[6:]): data for n, data in self.flash.files.items() if n.startswith("seeds/")}

    def chains(self):
        """Return {number: identifiers} of every seed in flash."""
        found = {}
        for number, data in self.slots().items():
            seed = seedcalc.seed_value(1, data[12:36], p256.spki(data[68:133]))
            generator = Generator(1, seed)
            found[number] = [generator.next_id() for _ in range(200)]
        return found

    def usages(self):
        return {number: self.seeds._usage(self.seeds._load(number)) for number in self.slots()}


def assert_sound(badge, skipped):
    """Every identifier once; each from a seed in flash; no more skipped than cuts; no seed in vain."""
    given = badge.given
    assert len(set(given)) == len(given), "an identifier was given twice"
    chains = badge.chains()
    explained = [one for number in sorted(chains) for one in chains[number] if one in set(given)]
    assert explained == given, "not in the order of the chains"
    lost = 0
    for number, chain in chains.items():
        used = [at for at, one in enumerate(chain) if one in set(given)]
        assert used, "seed %d was made in vain" % number
        lost += used[-1] + 1 - len(used)
    assert lost <= skipped


def unit_a_quiet_life(solo):
    badge = Badge()
    badge.use(400)
    assert_sound(badge, 0)
    assert len(badge.slots()) == 3
    usages = badge.usages()
    total = 0
    for number in (0, 1):
        day, used = usages[number]
        assert 143 <= used <= 168
        assert day == TODAY + (3600 + total * 600) // DAY
        total += used
    assert len({data[36:68] for data in badge.slots().values()}) == 3, "a key served two seeds"


def unit_the_battery_goes_at_every_write(solo):
    quiet = Badge()
    quiet.use(200)
    log = quiet.flash.log
    # Every write around the making and leaving of a seed, and a few in between
    number = [at for at, what in enumerate(log) if what != "commit"]
    places = set(range(8)) | {at + d for at in number for d in (-2, -1, 0, 1, 2, 3)} | {100}
    for late in (False, True):
        for place in sorted(at for at in places if 0 <= at < len(log)):
            badge = Badge()
            badge.flash.cut = place
            badge.flash.late = late
            try:
                badge.use(200)
                raise AssertionError("the battery never went")
            except Cut:
                badge.restart()
            badge.use(30)
            if not badge.given[:-30] and len(badge.slots()) == 2:
                # Without a position nobody knows whether the first seed was used: kept, never used again
                assert 0 in badge.slots() and not set(badge.chains()[0]) & set(badge.given)
                continue
            assert_sound(badge, 1)


def unit_the_battery_goes_while_a_report_is_made(solo):
    whole = Badge()
    whole.use(170)
    before = whole.flash.writes
    whole.seeds.report("Health", "CODE")
    writes = whole.flash.writes - before
    assert writes >= 3
    for late in (False, True):
        for place in range(writes):
            badge = Badge()
            badge.use(170)
            badge.flash.cut = badge.flash.writes + place
            badge.flash.late = late
            try:
                badge.seeds.report("Health", "CODE")
                raise AssertionError("the battery never went")
            except Cut:
                badge.restart()
            before = len(badge.given)
            badge.use(5)
            disclosed = {number for number, data in badge.slots().items() if data[1] & 1}
            chains = badge.chains()
            for number in disclosed:
                assert not set(chains[number]) & set(badge.given[before:]), "a disclosed seed was used again"
            assert len(set(badge.given)) == len(badge.given)
            badge.seeds.report("Health", "CODE")
            assert all(data[1] & 1 for data in badge.slots().values())


def unit_a_disclosed_seed_is_left_at_once(solo):
    badge = Badge()
    badge.use(3)
    badge.seeds.report("Health", "CODE")
    badge.use(3)
    chains = badge.chains()
    assert badge.given[:3] == chains[0][:3] and badge.given[3:] == chains[1][:3]


def unit_a_seed_is_left_after_a_day_even_if_hardly_used(solo):
    badge = Badge()
    badge.use(5)
    badge.clock.now += DAY + 5 * 3600
    badge.use(5)
    badge.restart(off_s=2 * DAY)
    badge.use(5)
    assert len(badge.slots()) == 3
    assert [used for _, used in sorted(badge.usages().values())][:2] == [5, 5]
    assert_sound(badge, 0)


def unit_a_pause_that_nobody_can_measure_is_told(solo):
    badge = Badge()
    badge.use(5)
    badge.restart(off_s=1000, known=False)
    badge.use(5)
    assert len(badge.slots()) == 1
    assert badge.usages() == {0: (TODAY, 2048)}
    assert_sound(badge, 0)


def unit_usage_without_any_date(solo):
    badge = Badge(known=False)
    badge.use(5)
    assert badge.usages() == {0: None}
    badge.seeds.report("Health", "CODE")
    badge.restart(off_s=1000)
    # The date is known now, but not when the seed began: it may be any of the days that seeds are kept
    assert badge.usages() == {0: (TODAY - 15, 2048)}


def unit_deletion_at_the_end_of_retention(solo):
    badge = Badge()
    badge.use(150 * 20)
    held = badge.slots()
    # Each lives a day and a bit: the newest 14 days of them, and none that began earlier
    assert 13 <= len(held) <= 15
    badge.clock.now += 15 * DAY
    badge.seeds.delete_old()
    assert set(badge.slots()) == {max(held)}
    assert badge.seeds.held == 1


def unit_a_report_is_kept_as_long_as_a_seed_of_it(solo):
    badge = Badge()
    badge.use(150 * 4)
    assert badge.seeds.held >= 3
    report = bytes(badge.seeds.report("Health", "CODE"))
    disclosed = set(badge.slots())
    while len(disclosed & set(badge.slots())) > 1:
        badge.use(150)
        assert bytes(badge.seeds.last_report() or b"") == report, "it could not be sent again"
    badge.use(150 * 3)
    assert not disclosed & set(badge.slots())
    assert badge.seeds.last_report() is None, "a report outlived its seeds"


def unit_the_newest_sixteen_are_kept(solo):
    badge = Badge(known=False)
    for _ in range(20):
        badge.use(1)
        badge.seeds.report("Health", "CODE")
    badge.seeds.delete_old()
    assert sorted(badge.slots()) == list(range(4, 20))


def unit_a_clock_set_wrong_and_right_again_deletes_no_seed(solo):
    """With the badge's own clock, not this file's."""
    import machine

    from badge.clock import Clock as BadgeClock

    class Life:
        """The badge's clock, and the seconds that pass in this test."""

        def __init__(self, flash):
            self.clock = BadgeClock(flash, flash, machine.RTC(), 14 * DAY)

        def wait(self, seconds):
            while seconds > 0:
                solo.spend(min(seconds, DAY) * 1_000_000)
                self.clock.uptime_s()
                seconds -= DAY

    flash = Flash()
    flash.note_failure = print
    life = Life(flash)
    life.clock.set_unix(TODAY * DAY)
    seeds = Seeds(flash, flash, life.clock, Randomness(flash, On()), 14)
    for _ in range(3):
        seeds.next_identifier()
        life.wait(DAY + 5 * 3600)
    assert seeds.held == 3
    life.clock.set_unix((TODAY + 400) * DAY)
    seeds.delete_old()
    assert seeds.held == 3, "a wrong date deleted seeds"
    life.wait(3600)
    life.clock.set_unix((TODAY + 4) * DAY)
    life.wait(2 * DAY)
    seeds.delete_old()
    assert seeds.held == 3
    life.wait(14 * DAY)
    seeds.delete_old()
    assert seeds.held == 1, "only the one in use may be older"


def unit_no_randomness_no_seed(solo):
    badge = Badge()
    badge.use(2)
    badge.clock.now += 2 * DAY
    urandom = os.urandom
    os.urandom = bytes
    try:
        badge.seeds.next_identifier()
        raise AssertionError("an identifier without randomness")
    except RandomnessError:
        pass
    finally:
        os.urandom = urandom
    badge.use(2)
    assert_sound(badge, 0)


def unit_a_damaged_seed_is_not_used(solo):
    badge = Badge()
    badge.use(2)
    badge.flash.files["seeds/0"] = b"torn"
    badge.restart()
    badge.use(2)
    assert len(set(badge.given)) == 4
