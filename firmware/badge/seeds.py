"""The life of a seed: made, broadcast from for a day, kept for two weeks, given away or deleted.

This is the only module that handles preseeds, private keys and seeds. Nothing of them leaves it
except the identifiers on air and the seed report that the owner consents to.

Each seed has a file of its own (``seeds/N``), so that its deletion is the deletion of a file.
Its position in the chain of identifiers lies in NVS, which is made for small counters, and is
stored before the identifier is used: after a reset the badge may skip an identifier but never
repeats one.
"""

import os
import struct

from cx import p256, seedcalc, seedreport
from cx.compat import TYPE_CHECKING, const
from cx.drbg import wipe
from cx.generator import MAX_IDS, Generator

if TYPE_CHECKING:
    from esp32 import NVS

    from badge.clock import Clock
    from badge.randomness import Randomness
    from badge.storage import Storage

_FOLDER = "seeds"
_TYPE = const(1)
_PRESEED_LEN = const(24)
_KEY_DRAW_LEN = const(48)
_IDS_MIN = const(144)  # a day of 600 s identifiers
_IDS_SPREAD = const(24)  # up to four hours more, so that badges do not change together
_UNKNOWN_DAY = const(0xFFFF)
_MOST_SEEDS = const(16)  # two weeks of them even if no date was ever known
# Layout of a slot: head (12), preseed (24), private key (32), public key (65). Head, big-endian:
# type, disclosed, identifiers allowed, first day (days since 1970, 0xFFFF unknown), boot, seconds
_HEAD = ">BBHHHI"
_PRESEED_AT = const(12)
_KEY_AT = const(36)
_PUBLIC_AT = const(68)
_SLOT_LEN = const(133)


class _Slot:
    """One seed's file in memory: what is not secret in attributes, the secrets in one bytearray."""

    def __init__(self, number: int, data: bytearray) -> None:
        self.number = number
        self.data = data
        self.type, disclosed, self.ids, self.day, self.boot, self.second = struct.unpack(_HEAD, data)
        self.is_disclosed = disclosed == 1

    @property
    def preseed(self) -> bytearray:
        return self.data[_PRESEED_AT:_KEY_AT]

    @property
    def private_key(self) -> bytearray:
        return self.data[_KEY_AT:_PUBLIC_AT]

    @property
    def public_key(self) -> bytes:
        return bytes(self.data[_PUBLIC_AT:])

    def disclose(self) -> None:
        self.is_disclosed = True
        self.data[1] = 1

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
        self._retention_s = retention_days * 86400
        self._generator: "Generator | None" = None
        self._current = -1
        self._ids = 0
        storage.make_folder(_FOLDER)
        self._numbers: "list[int]" = []
        for name in os.listdir(storage.path(_FOLDER)):
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
        if self._generator is None or self._generator.position >= self._ids:
            self._begin()
        generator = self._generator
        assert generator is not None  # noqa: S101  _begin made it, or raised
        self._store_position(generator.position + 1)
        return generator.next_id()

    def report(self, publisher_name: str, challenge: str) -> bytes:
        """Return a signed seed report of every seed held, and leave the seed in use for ever.

        The seeds are marked as disclosed on flash before the report exists: a reset in between
        leaves a badge that is silent on them and can make the report again.
        """
        self._leave()
        descriptors = []
        slots = []
        for number in self._numbers:
            slot = self._load(number)
            if slot is None:
                continue
            slots.append(slot)
            slot.disclose()
            self._storage.save(self._name(number), slot.data)
            descriptors.append((slot.type, slot.preseed, slot.private_key, slot.public_key))
        try:
            return seedreport.build(publisher_name, challenge, descriptors)
        finally:
            for slot in slots:
                slot.wipe()
            for descriptor in descriptors:
                wipe(descriptor[1])
                wipe(descriptor[2])

    def delete_old(self) -> None:
        """Delete the seeds that began longer ago than the retention time; without dates, all but 16."""
        for number in self._numbers[:-_MOST_SEEDS]:
            self._delete(number)
        now = self._clock.unix()
        for number in list(self._numbers):
            if now is None or number == self._current:
                continue
            slot = self._load(number)
            began = None if slot is None else self._clock.date_of(slot.boot, slot.second)
            if slot is not None:
                slot.wipe()
            if slot is None or (began is not None and began < now - self._retention_s):
                self._delete(number)

    def _delete(self, number: int) -> None:
        self._storage.remove(self._name(number))
        self._numbers.remove(number)

    def _resume(self) -> None:
        """Go on with the newest seed after a restart, behind the last position that was stored."""
        if not self._numbers:
            return
        slot = self._load(self._numbers[-1])
        if slot is None or slot.is_disclosed:
            return
        position = self._load_position(slot.number)
        if position < slot.ids:
            self._use(slot, position)
        slot.wipe()

    def _begin(self) -> None:
        """Make a new seed and store it before anything of it is used."""
        self._leave()
        self.delete_old()
        preseed = self._randomness.secret(_PRESEED_LEN)
        entropy = self._randomness.secret(_KEY_DRAW_LEN)
        private_key = p256.private_key(entropy)
        wipe(entropy)
        public_key = p256.public_key(private_key)
        day = self._clock.day()
        head = struct.pack(
            _HEAD,
            _TYPE,
            0,
            min(_IDS_MIN + self._randomness.between(0, _IDS_SPREAD), MAX_IDS),
            _UNKNOWN_DAY if day is None else day,
            self._clock.boot,
            self._clock.uptime_s(),
        )
        number = self._numbers[-1] + 1 if self._numbers else 0
        data = bytearray(_SLOT_LEN)
        data[:_PRESEED_AT] = head
        data[_PRESEED_AT:_KEY_AT] = preseed
        data[_KEY_AT:_PUBLIC_AT] = private_key
        data[_PUBLIC_AT:] = public_key
        slot = _Slot(number, data)
        wipe(preseed)
        wipe(private_key)
        self._storage.save(self._name(number), slot.data)
        self._numbers.append(number)
        self._use(slot, 0)
        self._store_position(0)
        slot.wipe()

    def _use(self, slot: _Slot, position: int) -> None:
        preseed = slot.preseed
        seed = seedcalc.seed_value(slot.type, preseed, p256.spki(slot.public_key))
        wipe(preseed)
        generator = Generator(slot.type, seed)
        wipe(seed)
        generator.skip(position)
        self._generator = generator
        self._current = slot.number
        self._ids = slot.ids

    def _leave(self) -> None:
        if self._generator is not None:
            self._generator.wipe()
        self._generator = None
        self._current = -1

    def _load(self, number: int) -> "_Slot | None":
        data = self._storage.load(self._name(number))
        return None if data is None or len(data) != _SLOT_LEN else _Slot(number, data)

    def _name(self, number: int) -> str:
        return _FOLDER + "/%d" % number

    def _store_position(self, position: int) -> None:
        # The seed's number stands beside the position, so that a position never counts for another seed.
        self._nvs.set_i32("position", (self._current & 0x7FFF) << 12 | position)
        self._nvs.commit()

    def _load_position(self, number: int) -> int:
        """Return the position stored for this seed; MAX_IDS, the end, if there is none.

        Without a position it is not known which identifiers were used, so none may be.
        """
        try:
            stored = self._nvs.get_i32("position")
        except OSError:
            return MAX_IDS
        return stored & 0xFFF if stored >> 12 == number & 0x7FFF else MAX_IDS
