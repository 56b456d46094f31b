"""The badge's file system as a file: littlefs images, as MicroPython formats its own ``vfs`` partition."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import littlefs
from littlefs.context import UserContext
from littlefs.lfs import LFSConfig

from cxhost.boards import Board
from cxhost.build import built_files

# What the application owns on a badge; everything else there is the owner's data.
OWNED = ("lib/cx", "badge")
# MicroPython's VfsLfs2 defaults: 32-byte reads and writes, caches of four of them, lookahead 32 bytes.
_GRAIN = 32


class ImageError(Exception):
    """An image of the wrong size, or one without room for what should go in."""


class _Memory(UserContext):
    """Blocks in a bytearray. The library's own context formats a log line for every read."""

    def read(self, cfg: LFSConfig, block: int, off: int, size: int) -> bytearray:
        start = block * cfg.block_size + off
        return self.buffer[start : start + size]

    def prog(self, cfg: LFSConfig, block: int, off: int, data: bytes) -> int:
        start = block * cfg.block_size + off
        self.buffer[start : start + len(data)] = data
        return 0

    def erase(self, cfg: LFSConfig, block: int) -> int:
        start = block * cfg.block_size
        self.buffer[start : start + cfg.block_size] = b"\xff" * cfg.block_size
        return 0


class Filesystem:
    """A littlefs image in memory: ``read``, ``write``, ``remove``, ``files``.

    ``save`` puts it into a file.
    """

    def __init__(self, board: Board, image: bytes | None = None) -> None:
        size = board.block_bytes * board.block_count
        if image is not None and len(image) != size:
            raise ImageError(f"an image of {board.name} has {size} bytes, not {len(image)}")
        self._context = _Memory(buffer=bytearray(b"\xff" * size if image is None else image))
        self._fs = littlefs.LittleFS(
            context=self._context,
            mount=False,
            block_size=board.block_bytes,
            block_count=board.block_count,
            read_size=_GRAIN,
            prog_size=_GRAIN,
            cache_size=4 * _GRAIN,
            lookahead_size=_GRAIN,
            # Made as the badge's MicroPython reads it; what a newer one has written is read as it is.
            disk_version=board.disk_version if image is None else 0,
        )
        if image is None:
            self._fs.format()
        self._fs.mount()

    def files(self, folder: str = "/") -> dict[str, int]:
        """Return {absolute path: size} of every file under ``folder``; {} if it is not there."""
        try:
            walk = list(self._fs.walk(folder))
        except littlefs.LittleFSError as error:
            if error.code != littlefs.LittleFSError.Error.LFS_ERR_NOENT:
                raise
            return {}
        paths = [f"{at.rstrip('/')}/{name}" for at, _folders, names in walk for name in names]
        return {path: self._fs.stat(path).size for path in paths}

    def read(self, path: str) -> bytes:
        """Return the content of the file ``path``."""
        with self._fs.open(path, "rb") as stream:
            return stream.read()

    def write(self, path: str, content: bytes) -> bool:
        """Make ``path`` hold ``content``, with the folders on the way; return False if it already did."""
        path = "/" + path.lstrip("/")
        folder = path.rpartition("/")[0]
        if folder:
            self._fs.makedirs(folder, exist_ok=True)
        if self.files(folder or "/").get(path) == len(content) and self.read(path) == content:
            return False
        try:
            with self._fs.open(path, "wb") as stream:
                stream.write(content)
        except littlefs.LittleFSError as error:
            raise ImageError(f"{path}: {error}") from error
        return True

    def remove(self, path: str) -> None:
        """Delete the file ``path``."""
        self._fs.remove(path)

    def image(self) -> bytes:
        """Return the image."""
        return bytes(self._context.buffer)

    def save(self, path: Path) -> None:
        """Write the image to ``path``, whole or not at all."""
        partial = path.with_name(path.name + ".partial")
        partial.write_bytes(self._context.buffer)
        partial.replace(path)


def application(folder: Path) -> dict[str, bytes]:
    """Return {relative path: content} of a build folder."""
    return {name: (folder / name).read_bytes() for name in built_files(folder)}


def update(filesystem: Filesystem, files: Mapping[str, bytes]) -> list[str]:
    """Bring the application on ``filesystem`` to ``files``; return the paths written or removed.

    Data of the badge stays; files of an older application that are no more are removed.
    """
    changed = [path for path, content in files.items() if filesystem.write(path, content)]
    for folder in OWNED:
        for path in filesystem.files("/" + folder):
            if path.lstrip("/") not in files:
                filesystem.remove(path)
                changed.append(path.lstrip("/"))
    return changed


def make_image(board: Board, files: Mapping[str, bytes], path: Path) -> None:
    """Write a new image for ``board`` with ``files`` on it."""
    filesystem = Filesystem(board)
    update(filesystem, files)
    filesystem.save(path)


def update_image(board: Board, files: Mapping[str, bytes], path: Path) -> list[str]:
    """Bring the application in the image at ``path`` to ``files``, making the image if there is none."""
    if not path.exists():
        make_image(board, files, path)
        return list(files)
    filesystem = Filesystem(board, path.read_bytes())
    changed = update(filesystem, files)
    if changed:
        filesystem.save(path)
    return changed
