"""Runs the functions of a program that are named ``check_...``, each on a freshly formatted flash."""

import gc
import sys

import parts
from parts import Nor, Nvs, Parts, contact_id

BLOCKS = 64
LOG_BLOCKS = 24
DAY_S = 86400
NOON = 1790000000


class Case:
    """One badge, which can be restarted and whose flash can be tampered with."""

    def __init__(self):
        parts.time.now_ms = 0
        self.nor = Nor(BLOCKS)
        parts.format_flash(self.nor)
        parts.mount(self.nor)
        self.nvs = Nvs(None)
        self.next = 0
        self.badge = self.start()

    def start(self):
        """Start the badge, or start it again."""
        self.badge = Parts(Nvs(None, self.nvs.state), LOG_BLOCKS)
        self.nvs = self.badge.nvs
        return self.badge

    def wait(self, seconds):
        """Let time pass."""
        while seconds > 0:
            parts.time.now_ms += min(seconds, DAY_S) * 1000
            self.badge.clock.uptime_s()
            seconds -= DAY_S
        self.badge.clock.checkpoint()

    def meet(self, count=1):
        """Log ``count`` contacts now, on flash."""
        from cx.contact import Contact

        clock = self.badge.clock
        for _ in range(count):
            self.badge.log.append(Contact(contact_id(self.next), clock.boot, clock.uptime_s(), 600, 50, 55))
            self.next += 1
        self.badge.log.flush()

    def held(self):
        """Return the numbers of the contacts held."""
        return [parts.number_of(one.contact_id) for one in self.badge.log.contacts()]


def main(space):
    """Run every check of a program's globals; print a line for each."""
    for name in sorted(space):
        if name.startswith("check_"):
            gc.collect()
            case = Case()
            try:
                space[name](case)
                print("ok", name)
            except Exception as error:  # noqa: BLE001  a test runner reports whatever a test raises
                print("FAIL", name)
                sys.print_exception(error, sys.stdout)
            finally:
                parts.unmount()


parts.prepare(sys.argv[1], sys.argv[2])
