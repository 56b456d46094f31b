"""The flash of a simulated badge: 4096-byte blocks of a host file, as littlefs sees an ESP32's partition."""

from micropython import const
from simlink import link

TYPE_CHECKING = False  # MicroPython has no typing; checkers take this name for true
if TYPE_CHECKING:
    from typing import BinaryIO

_BLOCK_BYTES = const(4096)
_ERASED = b"\xff" * 512
_SYNC = const(3)
_COUNT = const(4)
_SIZE = const(5)
_ERASE = const(6)
_WEAR = const(10)  # see simlink
# What the chip's flash takes, W25Q32 data sheet, typical: a sector's erase, and a byte of a page's program.
_ERASE_US = const(45_000)
_PAGE_US = const(700)
_PAGE_BYTES = const(256)


class Flash:
    """A block device (extended interface) over an open file."""

    def __init__(self, stream: "BinaryIO") -> None:
        self._stream = stream
        self._count = stream.seek(0, 2) // _BLOCK_BYTES

    def readblocks(self, block: int, buffer: bytearray, offset: int = 0) -> None:
        """Fill ``buffer``."""
        self._stream.seek(block * _BLOCK_BYTES + offset)
        self._stream.readinto(buffer)

    def writeblocks(self, block: int, buffer: bytearray, offset: "int | None" = None) -> None:
        """Write ``buffer``; a whole block is erased first."""
        if offset is None:
            self._erase(block)
            offset = 0
        link.flash_write()
        self._stream.seek(block * _BLOCK_BYTES + offset)
        self._stream.write(buffer)
        link.spend(_PAGE_US * len(buffer) // _PAGE_BYTES)

    def _erase(self, block: int) -> None:
        link.flash_write()
        link.emit(_WEAR, bytes((block & 0xFF, block >> 8)))
        self._stream.seek(block * _BLOCK_BYTES)
        for _ in range(_BLOCK_BYTES // len(_ERASED)):
            self._stream.write(_ERASED)
        link.spend(_ERASE_US)

    def ioctl(self, request: int, argument: int) -> int:
        """Answer littlefs: number and size of blocks; erase one."""
        if request == _COUNT:
            return self._count
        if request == _SIZE:
            return _BLOCK_BYTES
        if request == _ERASE:
            self._erase(argument)
        elif request == _SYNC:
            self._stream.flush()
        return 0
