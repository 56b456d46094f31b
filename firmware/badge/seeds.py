"""The life of a seed: made, broadcast from for a day, kept for two weeks, given away or deleted.

This is the only module that handles preseeds, private keys and seeds. Nothing of them leaves it
except the identifiers on air and the seed report that the owner consents to.

Each seed has a file of its own (``seeds/N``), so that its deletion is the deletion of a file. Its
position in the chain of identifiers lies in NVS, which is made for small counters, and is stored
before the identifier is used: after a reset the badge may skip an identifier but never repeats one.

A seed is left after a day and a random part, counted in identifiers and in time, whichever is over
first: its usage (first day, number of identifiers) then says when it was on air, also if the badge
was off in between. Where the badge cannot know for how long it was off, the usage says so by
claiming the whole chain.
"""

import struct

from badge.loading import Loaded
from cx import seedcalc
from cx.compat import TYPE_CHECKING, const
from cx.drbg import wipe
from cx.errors import RefusedError
from cx.generator import MAX_IDS, Generator

if TYPE_CHECKING:
    from esp32 import NVS

    from badge.clock import Clock
    from badge.randomness import Randomness
    from badge.storage import Storage

_FOLDER = "seeds"
_REPORT = "report"
_TYPE = const(1)
_PRESEED_LEN = const(24)
_KEY_DRAW_LEN = const(48)
_IDS_MIN = const(144)  # a day of 600 s identifiers
_IDS_SPREAD = const(24)  # up to four hours more, so that badges do not change together
_ID_S = const(600)  # mean life of an identifier
_DAY_S = const(86400)
_UNKNOWN_DAY = const(0xFFFF)
_NOT_OVER = const(0xFFFF)
_DISCLOSED = const(1)
_GAP = const(2)
_MOST_SEEDS = const(16)  # two weeks of them, however often their owner reports
# Layout of a slot: head (12), preseed (24), private key (32), public key (65), used (2). Head, big-endian:
# type, flags (disclosed, gap), identifiers allowed, first day (since 1970, 0xFFFF unknown), boot, seconds.
# Gap: it was on air in two boots, and nobody knows how far they are apart. Used: 0xFFFF while not over.
_HEAD = ">BBHHHI"
_PRESEED_AT = const(12)
_KEY_AT = const(36)
_PUBLIC_AT = const(68)
_USED_AT = const(133)
_SLOT_LEN = const(135)


class _Slot:
    """One seed's file in memory: what is not secret in attributes, the secrets in one bytearray."""

    def __init__(self, number: int, data: bytearray) -> None:
        self.number = number
        self.data = data
        self.type, self._flags, self.ids, self.day, self.boot, self.second = struct.unpack(_HEAD, data)

    @property
    def preseed(self) -> bytearray:
        return self.data[_PRESEED_AT:_KEY_AT]

    @property
    def private_key(self) -> bytearray:
        return self.data[_KEY_AT:_PUBLIC_AT]

    @property
    def public_key(self) -> bytes:
        return bytes(self.data[_PUBLIC_AT:_USED_AT])

    @property
    def used(self) -> int:
        """Identifiers used, or _NOT_OVER."""
        return self.data[_USED_AT] << 8 | self.data[_USED_AT + 1]

    def has(self, flag: int) -> bool:
        return self._flags & flag != 0

    def mark(self, flag: int) -> None:
        self._flags |= flag
        self.data[1] = self._flags

    def close(self, used: int) -> None:
        self.data[_USED_AT:] = bytes((used >> 8, used & 0xFF))

    def wipe(self) -> None:
        wipe(self.data)


class Seeds:
    """All seeds of this badge. ``retention_days``: after this long a seed is deleted."""

    def __init__(
        self, storage: "Storage", nvs: "NVS", clock: "Clock", randomness: "Randomness", retention_days: int
    ) -> None:
        self._storage = storage
        self._nvs = nvs
        self._clock = clock
        self._randomness = randomness
        self._retention_days = retention_days
        self._generator: "Generator | None" = None
        # Of the seed in use: its number, identifiers allowed, and when it began (boot, second)
        self._current = -1
        self._ids = 0
        self._began = (0, 0)
        storage.make_folder(_FOLDER)
        self._numbers: "list[int]" = []
        for name in storage.names(_FOLDER):
            if name.endswith(".new"):  # a reset came before it took its place: nothing was used of it
                storage.remove(_FOLDER + "/" + name)
            else:
                self._numbers.append(int(name))
        self._numbers.sort()

    @property
    def held(self) -> int:
        """Number of seeds held, disclosed ones included."""
        return len(self._numbers)

    def next_identifier(self) -> bytes:
        """Return the next 16-byte identifier to broadcast, from a new seed when the old one is over.

        RandomnessError when a new seed is due and there is no randomness to make it from.
        """
        if self._generator is None:
            self._resume()
        if self._generator is None or self._is_over(self._generator.position, self._ids, self._began):
            self._begin()
        generator = self._generator
        assert generator is not None  # noqa: S101  _begin made it, or raised
        self._store_position(generator.position + 1)
        return generator.next_id()

    def days(self) -> "list[int]":
        """Return the days (since 1970-01-01 UTC) of first use of the seeds held; 0 where it is not known."""
        days = set()
        for number in self._numbers:
            slot = self._load(number)
            if slot is not None:
                days.add(self._day_of(slot))
                slot.wipe()
        return sorted(days)

    def report(self, publisher_name: str, challenge: str, days: "list[int] | None" = None) -> bytes:
        """Return a signed report of every seed of these ``days`` (None: of all), and leave the seed in use.

        The seeds are marked as disclosed on flash before the report exists: a reset in between
        leaves a badge that is silent on them and can make the report again. RefusedError if there is no seed
        of these days; then nothing has changed.
        """
        if days is not None and not any(day in days for day in self.days()):
            raise RefusedError("days: this badge has no seed of these days")
        self._leave()
        descriptors = []
        usages = []
        try:
            for number in self._numbers:
                slot = self._load(number)
                if slot is None:
                    continue
                if days is not None and self._day_of(slot) not in days:
                    slot.wipe()
                    continue
                usages.append(self._usage(slot))
                slot.mark(_DISCLOSED)
                self._storage.save(self._name(number), slot.data)
                descriptors.append((slot.type, slot.preseed, slot.private_key, slot.public_key))
                slot.wipe()
            told = None if None in usages else usages
            with Loaded("cx.seedreport") as seedreport:
                report = seedreport.build(publisher_name, challenge, descriptors, told)
            self._storage.save(_REPORT, report)
            return report
        finally:
            for descriptor in descriptors:
                wipe(descriptor[1])
                wipe(descriptor[2])

    def _day_of(self, slot: _Slot) -> int:
        date = self._date_of(slot)
        return 0 if date is None else date // _DAY_S

    def _usage(self, slot: _Slot) -> "tuple[int, int] | None":
        """Return (day of the first use, identifiers used), or None when no date is known at all.

        A seed whose own date is not known began within the retention time: the whole chain from there.
        """
        used = MAX_IDS if slot.used == _NOT_OVER or slot.has(_GAP) else max(slot.used, 1)
        began = self._date_of(slot)
        if began is not None:
            return began // _DAY_S, used
        today = self._clock.day()
        return None if today is None else (max(today - self._retention_days - 1, 0), MAX_IDS)

    def last_report(self) -> "bytearray | None":
        """Return the last report once more, None if there is none or all of its seeds were deleted."""
        return self._storage.load(_REPORT)

    def delete_old(self) -> None:
        """Delete the seeds that began longer ago than the retention time, and all but the newest 16."""
        for number in self._numbers[:-_MOST_SEEDS]:
            self._delete(number, True)
        for number in list(self._numbers):
            if number == self._current:
                continue
            slot = self._load(number)
            if slot is not None:
                slot.wipe()
            if slot is None or self._clock.is_expired(slot.boot, slot.second, self._retention_days * _DAY_S):
                self._delete(number, slot is None or slot.has(_DISCLOSED))

    def _date_of(self, slot: _Slot) -> "int | None":
        """Return when the seed began (seconds since 1970; at least its day), or None."""
        date = self._clock.date_of(slot.boot, slot.second)
        return slot.day * _DAY_S if date is None and slot.day != _UNKNOWN_DAY else date

    def _delete(self, number: int, is_disclosed: bool) -> None:
        """Delete a seed, and with the last one of those that were disclosed the report that holds them."""
        if is_disclosed and not any(self._is_disclosed(one) for one in self._numbers if one != number):
            self._storage.remove(_REPORT)
        self._storage.remove(self._name(number))
        self._numbers.remove(number)

    def _is_disclosed(self, number: int) -> bool:
        slot = self._load(number)
        if slot is None:
            return False
        slot.wipe()
        return slot.has(_DISCLOSED)

    def _resume(self) -> None:
        """Go on with the newest seed after a restart, behind the last position that was stored."""
        slot = self._load(self._numbers[-1]) if self._numbers else None
        if slot is None:
            return
        position = self._load_position(slot.number)
        if position < 0:  # a reset came before the first identifier
            self._delete(slot.number, slot.has(_DISCLOSED))
        elif not slot.has(_DISCLOSED) and not self._is_over(position, slot.ids, (slot.boot, slot.second)):
            if self._age_s(slot.boot, slot.second) is None and not slot.has(_GAP):
                slot.mark(_GAP)
                self._storage.save(self._name(slot.number), slot.data)
            self._use(slot, position)
        slot.wipe()

    def _is_over(self, position: int, ids: int, began: "tuple[int, int]") -> bool:
        age_s = self._age_s(began[0], began[1])
        return position >= ids or (age_s is not None and age_s >= ids * _ID_S)

    def _age_s(self, boot: int, second: int) -> "int | None":
        """Return the seconds since a second of any boot, or None when nobody knows."""
        if boot == self._clock.boot:
            return self._clock.uptime_s() - second
        then, now = self._clock.date_of(boot, second), self._clock.unix()
        return None if then is None or now is None else now - then

    def _begin(self) -> None:
        """Make a new seed and store it before anything of it is used."""
        self._leave()
        self.delete_old()
        number = self._numbers[-1] + 1 if self._numbers else 0
        slot = _Slot(number, self._make())
        try:
            self._storage.save(self._name(number), slot.data)
            self._numbers.append(number)
            self._store(number, 0)
            self._use(slot, 0)
        finally:
            slot.wipe()

    def _make(self) -> bytearray:
        """Return a slot with a new preseed and a new key; RandomnessError when there is no randomness."""
        day = self._clock.day()
        data = bytearray(_SLOT_LEN)
        data[:_PRESEED_AT] = struct.pack(
            _HEAD,
            _TYPE,
            0,
            min(_IDS_MIN + self._randomness.between(0, _IDS_SPREAD), MAX_IDS),
            _UNKNOWN_DAY if day is None else day,
            self._clock.boot,
            self._clock.uptime_s(),
        )
        preseed = self._randomness.secret(_PRESEED_LEN)
        entropy = self._randomness.secret(_KEY_DRAW_LEN)
        with Loaded("cx.p256") as p256:
            private_key = p256.private_key(entropy)
            data[_PUBLIC_AT:_USED_AT] = p256.public_key(private_key)
        data[_PRESEED_AT:_KEY_AT] = preseed
        data[_KEY_AT:_PUBLIC_AT] = private_key
        data[_USED_AT:] = b"\xff\xff"
        for secret in (preseed, entropy, private_key):
            wipe(secret)
        return data

    def _use(self, slot: _Slot, position: int) -> None:
        preseed = slot.preseed
        with Loaded("cx.p256") as p256:
            spki = p256.spki(slot.public_key)
        seed = seedcalc.seed_value(slot.type, preseed, spki)
        wipe(preseed)
        generator = Generator(slot.type, seed)
        wipe(seed)
        generator.skip(position)
        self._generator = generator
        self._current = slot.number
        self._ids = slot.ids
        self._began = (slot.boot, slot.second)

    def _leave(self) -> None:
        """Leave the newest seed and note how much of it was used, by the position that NVS has."""
        if self._generator is not None:
            self._generator.wipe()
        self._generator = None
        self._current = -1
        slot = self._load(self._numbers[-1]) if self._numbers else None
        if slot is not None and slot.used == _NOT_OVER:
            position = self._load_position(slot.number)
            if position < 0:
                self._delete(slot.number, slot.has(_DISCLOSED))
            else:
                slot.close(position)
                self._storage.save(self._name(slot.number), slot.data)
        if slot is not None:
            slot.wipe()

    def _load(self, number: int) -> "_Slot | None":
        data = self._storage.load(self._name(number))
        return None if data is None or len(data) != _SLOT_LEN else _Slot(number, data)

    def _name(self, number: int) -> str:
        return _FOLDER + "/%d" % number

    def _store_position(self, position: int) -> None:
        self._store(self._current, position)

    def _store(self, number: int, position: int) -> None:
        # The seed's number stands beside the position, so that a position never counts for another seed.
        self._nvs.set_i32("position", (number & 0x7FFF) << 12 | position)
        self._nvs.commit()

    def _load_position(self, number: int) -> int:
        """Return how many identifiers of the newest seed may have been used.

        -1 if it is still the position of the seed before: of this one none was. MAX_IDS, the end, if there
        is no position at all: then it is not known which identifiers were used, so none may be.
        """
        try:
            stored = self._nvs.get_i32("position")
        except OSError:
            return MAX_IDS
        if stored >> 12 == number & 0x7FFF:
            return stored & 0xFFF
        return -1 if stored >> 12 == (number - 1) & 0x7FFF else MAX_IDS
