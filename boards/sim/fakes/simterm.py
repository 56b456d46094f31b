"""A simulated badge on a pseudo-terminal: the same fakes in real time, then MicroPython's own prompt.

``micropython -i -m simterm FD FLASH NVS CAUSE MAC SKIP LOW PINS [NETWORKS]``: one byte goes to FD when the
badge is ready to be talked to; SKIP is 1 where a raw REPL is waiting, in which case main.py does not run, as
on a board; LOW is the mask of the pins that are held low from outside; through PINS come changes, as bytes of
number and level; NETWORKS is JSON, network names with their keys: with it the badge has Wi-Fi, which leads to
the computer itself, and hangs on its charging cable.
"""

import gc
import json
import sys

import simlink
import simstart


def main(arguments: "list[str]") -> None:
    """Start the badge; what follows is the interpreter's prompt."""
    link = simlink.RealTime(b"", bytes.fromhex(arguments[4]), int(arguments[3]))
    link.low_pins = int(arguments[6])
    link.pins = open(int(arguments[7]), "rb")  # noqa: SIM115  open as long as the badge runs
    if len(arguments) > 8:
        link.access_points = json.loads(arguments[8])
        link.has_cable = True
    simstart.prepare(link, arguments[1], arguments[2])
    gc.collect()
    with open(int(arguments[0]), "wb") as ready:
        ready.write(b"r")
    simstart.run("boot.py")
    if arguments[5] == "0":
        simstart.run("main.py")
    sys.modules["micropython"].kbd_intr(3)  # the prompt's own doing


main(sys.argv[1:])
