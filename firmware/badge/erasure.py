"""Wiping: everything that the badge ever learned is removed, and the free flash is overwritten.

Runs at the start, before anything is loaded, and again from the beginning if the battery goes.
"""

import os

from badge.storage import ROOT
from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from esp32 import NVS

_IS_FOLDER = const(0x4000)
_PIECE_LEN = const(512)
# The boot's number stays: nothing that other badges remember may ever meet it again.
_KEYS = ("position", "life", "trial")


def erase_all(nvs: "NVS", root: str = ROOT) -> None:
    """Remove the folder ``root`` with all it holds and the counters, then overwrite all free blocks."""
    _remove(root)
    for key in _KEYS:
        try:
            nvs.erase_key(key)
        except OSError:  # it was not there
            pass
    nvs.commit()
    _overwrite_free(root + ".filler")


def _remove(path: str) -> None:
    try:
        entries = list(os.ilistdir(path))
    except OSError:  # gone already
        return
    for entry in entries:
        name = path + "/" + entry[0]
        if entry[1] == _IS_FOLDER:
            _remove(name)
        else:
            os.remove(name)
    os.rmdir(path)


def _overwrite_free(path: str) -> None:
    """Fill the file system with zeros until it is full, and remove them."""
    zeros = bytes(_PIECE_LEN)
    try:
        with open(path, "wb") as stream:
            while True:
                stream.write(zeros)
    except OSError:  # full: what was wanted
        pass
    try:
        os.remove(path)
    except OSError:  # littlefs had no room even for the name
        pass
