"""What runs first in a simulated badge's process: puts the fakes in place and starts the badge's own files.

``micropython -m simstart FD FLASH NVS``: FD is the line to the conductor, FLASH the littlefs image, NVS the
file of the NVS partition. From here on the image is the only file system, and the badge's files run as the
ESP32 port runs them: boot.py, then main.py.
"""

import gc
import random
import sys

import simlink
import vfs

_CTRL_C = 3


def _put_fakes() -> tuple:
    import fake_time

    sys.modules["time"] = fake_time
    names = ["os", "micropython", "asyncio", "select", "bluetooth", "machine", "esp32"]
    if getattr(simlink.link, "access_points", None):  # memory that the badge would miss otherwise
        names += ["network", "tls", "socket"]
    for name in names:
        fake = __import__("fake_" + name)
        sys.modules["_asyncio" if name == "asyncio" else name] = fake
    import fake_esp32
    import simconsole  # noqa: F401  the board asks for it after the computer's files are gone
    import simdisk

    return fake_esp32, simdisk


def prepare(link: "simlink.Link | simlink.RealTime", flash_path: str, nvs_path: str) -> None:
    """Put the fakes in place and the badge's own file system at ``/``."""
    simlink.link = link
    esp32, simdisk = _put_fakes()
    if link.seed:
        random.seed(int.from_bytes(link.seed[:4], "little"))
    esp32.attach(open(nvs_path, "r+b"))  # noqa: SIM115  open as long as the badge runs
    flash = simdisk.Flash(open(flash_path, "r+b"))  # noqa: SIM115
    vfs.umount("/")
    # Without times: the interpreter would stamp files with the computer's clock.
    vfs.mount(vfs.VfsLfs2(flash, mtime=False), "/")
    sys.path[:] = ["", ".frozen", "/lib"]


def run(name: str) -> None:
    """Run the file ``name`` of the badge if it is there; Ctrl-C interrupts it until it says otherwise.

    As shared/runtime/pyexec.c: not yet while the file is compiled.
    """
    try:
        with open(name) as stream:
            source = stream.read()
    except OSError:
        return
    code = compile(source, name, "exec")
    sys.modules["micropython"].kbd_intr(_CTRL_C)
    exec(code, {"__name__": "__main__"})  # noqa: S102  it is the badge's own
    sys.modules["micropython"].kbd_intr(-1)


def main(arguments: "list[str]") -> None:
    """Start the badge."""
    link = simlink.Link(open(int(arguments[0]), "r+b"))  # noqa: SIM115
    prepare(link, arguments[1], arguments[2])
    gc.collect()
    run("boot.py")
    run("main.py")


if __name__ == "__main__":
    main(sys.argv[1:])
