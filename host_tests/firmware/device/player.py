"""Plays a script of what happens to a badge: contacts, lists, restarts, killed runs. No radio, no console.

Usage: micropython player.py LIB_DIR FIRMWARE_DIR SCRIPT [FLASH_FOLDER]

The script has a JSON object in each line, with one key that names what to do (see ``Player``). For each line
that asks something, one line of JSON is printed. With FLASH_FOLDER the badge's files lie there, and else on a
flash that behaves as NOR does.
"""

import asyncio
import binascii
import gc
import json
import sys

sys.path.insert(0, __file__.rsplit("/", 1)[0])
import parts

# The work of an ESP32: microseconds for an identifier and for a record that is compared.
ID_US = 45
RECORD_US = 25


class Silence:
    """Nobody is near."""

    def log_all(self):
        pass


class Player:
    """A badge, and what can be done with it; each method is a line's key."""

    def __init__(self, folder):
        self.folder = folder
        self.filter_bytes = 1024
        self.is_mounted = False
        self.kill_at = -1
        self.turns = 0
        self.killed = None
        self.work_us = 0
        self.lost_us = 0
        self.rejected = []

    def new(self, options):
        """Take a badge out of the box: {"filter_bytes", "blocks"}."""
        self.filter_bytes = options.get("filter_bytes", 1024)
        self.candidates = options.get("candidates", 256)
        parts.time.now_ms = 0
        self._unmount()
        if self.folder:
            parts.DATA = self.folder + "/%d" % options["number"]
        else:
            self.nor = parts.Nor(options.get("blocks", 96))
            parts.format_flash(self.nor)
            parts.mount(self.nor)
        self._start({})

    def _unmount(self):
        if not self.folder and self.is_mounted:
            parts.unmount()
        self.is_mounted = True

    def _start(self, nvs):
        from badge.alerts import Alerts
        from badge.matching import Matching
        from badge.publications import Publications
        from cx import aes

        self.parts = one = parts.Parts(parts.Nvs(None, nvs), 64, self.filter_bytes)
        self.publications = Publications(one.storage, one.clock, 655360)
        self.publications.check_again(self.rejected)
        self.alerts = Alerts(one.storage, one.clock, self.publications, 14 * 86400)
        self.matching = Matching(
            one.storage,
            one.clock,
            self.publications,
            Silence(),
            one.log,
            self.alerts,
            aes.engine().name,
            15000,
        )
        self.work_us = 0

    def engine(self, name):
        """Use another AES."""
        from cx import aes

        aes._chosen[:] = [dict(aes.CANDIDATES)[name]()]

    def time(self, unix):
        """Set the clock."""
        self.parts.clock.set_unix(unix)

    def wait(self, seconds):
        """Let time go by."""
        while seconds > 0:
            parts.time.now_ms += min(seconds, 86400) * 1000
            seconds -= 86400
            self.parts.clock.uptime_s()

    def restart(self, rejected):
        """Pull the battery; the engines named fail their self-test from now on."""
        self.rejected = rejected
        self.parts.log.flush()
        self.parts.clock.checkpoint()
        self._boot(self.parts.nvs.state, None)

    def _boot(self, nvs, flash):
        self.parts = self.publications = self.alerts = self.matching = None
        self._unmount()
        if not self.folder:
            self.nor = parts.Nor(self.nor.count, None, flash or self.nor.data)
            parts.mount(self.nor)
        self._start(nvs)

    def publisher(self, descriptor):
        """Trust a publisher: its descriptor as text."""
        self.publications.add(self.publications.parse(descriptor)[0])

    def meet(self, contacts):
        """Log contacts: [identifier, second, minutes, dB] each."""
        from cx.contact import Contact

        boot = self.parts.clock.boot
        for contact_id, start_s, minutes, db in contacts:
            contact_id = binascii.unhexlify(contact_id)
            self.parts.log.append(Contact(contact_id, boot, start_s, round(minutes * 60), db, db))
        self.parts.log.flush()

    def take(self, options):
        """Take a list and match it to its end: {"id", "list"}; tell what went wrong."""
        return self._offer(options) or self._match()

    def _offer(self, options):
        from cx.errors import CxError

        storage = self.parts.storage
        with storage.open("incoming", "wb") as stream:
            stream.write(binascii.unhexlify(options["list"]))
        try:
            asyncio.run(self.publications.take(self.publications.get(options["id"]), "incoming"))
        except CxError as error:
            return {"error": str(error)}
        self.matching.start()
        return None

    def _match(self):
        asyncio.run(self._until_done())
        return {"error": self.matching.info()["error"], "new_seeds": self.matching.info()["new_seeds"]}

    async def _until_done(self):
        task = asyncio.create_task(self.matching.run())
        while self.matching.is_waiting:
            await asyncio.sleep_ms(0)
            self._count_work()
            self.turns += 1
            if self.turns == self.kill_at:
                self.killed = bytes(self.nor.data), dict(self.parts.nvs.state)
                break
        task.cancel()

    def _count_work(self):
        progress = self.matching._progress
        if progress:
            work_us = progress.ids * ID_US + progress.log_passes * self.parts.log.count * RECORD_US
            parts.time.now_ms += (work_us - self.work_us) // 1000 + 1
            self.work_us = work_us

    def kill(self, options):
        """Take a list, and pull the battery every so many turns at random until it is done.

        {"id", "list", "least", "most", "seed"}: turns of the other tasks between two kills. Tells the work
        done in all, in seconds of an ESP32, and the number of kills.
        """
        error = self._offer(options)
        draw = parts.Randomness(options["seed"])
        total_us = kills = 0
        while not error:
            self.turns, self.killed = 0, None
            self.kill_at = draw.between(options["least"], options["most"]) if kills < options["kills"] else -1
            error = self._match()
            total_us += self.work_us
            if self.killed is None:
                break
            kills += 1
            flash, nvs = self.killed
            self._boot(nvs, bytearray(flash))
            error = None
        self.kill_at = -1
        return {"error": error["error"] if error else "", "work_s": total_us / 1e6, "kills": kills}

    def learn(self, generator_type):
        """Be updated to software that knows one more generator type."""
        from badge import publications

        publications._TYPES = [1, 2, generator_type]

    def spoil(self, options):
        """Take a list, and change a bit of a seed in it on flash before it is matched."""
        error = self._offer(options)
        name = "lists/" + options["id"]
        with self.parts.storage.open(name, "rb") as stream:
            data = bytearray(stream.read())
        data[data.find(binascii.unhexlify(options["seed"]))] ^= 1
        with self.parts.storage.open(name, "wb") as stream:
            stream.write(data)
        return error or self._match()

    def tell(self, _):
        """Tell whom the owner met: [seed, level, [[place, identifier] ...]] by publisher, and the alerts."""
        from cx import matches

        storage, found = self.parts.storage, {}
        for publisher in self.publications.publishers:
            if storage.exists("matches/" + publisher):
                with storage.open("matches/" + publisher, "rb") as stream:
                    found[publisher] = [self._entry(one, stream) for one in matches.entries(stream)]
        state = {
            key: [publisher.needs_full, publisher.unknown_types]
            for key, publisher in self.publications.publishers.items()
        }
        files = storage.names("known")
        return {"matches": found, "summary": self.alerts.summary(), "state": state, "files": files}

    def _entry(self, entry, stream):
        met = [[place, binascii.hexlify(record[:16]).decode()] for place, record in entry.sightings(stream)]
        return [binascii.hexlify(entry.seed).decode(), entry.level, met]


def main(lib, firmware, script, folder=""):
    parts.prepare(lib, firmware)
    # All code stays loaded: what is measured elsewhere is not what is tested here.
    for name in ("publication", "descriptor", "matchrun", "sorting", "resolving", "people"):
        __import__("cx." + name)
    player = Player(folder)
    with open(script) as stream:
        for line in stream:
            for name, argument in json.loads(line).items():
                answer = getattr(player, name)(argument)
                if answer is not None:
                    print(json.dumps(answer))
            gc.collect()


main(*sys.argv[1:])
