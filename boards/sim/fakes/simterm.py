"""A simulated badge on a pseudo-terminal: the same fakes in real time, then MicroPython's own prompt.

``micropython -i -m simterm FD FLASH NVS CAUSE MAC SKIP LOW PINS``: one byte goes to FD when the badge is
ready to be talked to; SKIP is 1 where a raw REPL is waiting, in which case main.py does not run, as on a
board; LOW is the mask of the pins that are held low from outside; through PINS come changes, as bytes of
number and level.
"""

import gc
import sys

import simlink
import simstart


def main(arguments: "list[str]") -> None:
    """Start the badge; what follows is the interpreter's prompt."""
    link = simlink.RealTime(b"", bytes.fromhex(arguments[4]), int(arguments[3]))
    link.low_pins = int(arguments[6])
    link.pins = open(int(arguments[7]), "rb")  # noqa: SIM115  open as long as the badge runs
    simstart.prepare(link, arguments[1], arguments[2])
    gc.collect()
    with open(int(arguments[0]), "wb") as ready:
        ready.write(b"r")
    simstart.run("boot.py")
    if arguments[5] == "0":
        simstart.run("main.py")
    sys.modules["micropython"].kbd_intr(3)  # the prompt's own doing


main(sys.argv[1:])
