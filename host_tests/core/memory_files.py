"""A folder of files in RAM with flash's way of losing power: what was not closed is not there."""

import io


class PowerCut(Exception):
    """The battery was pulled at a write."""


class _Open:
    """A file open for writing; ``close`` makes its content durable."""

    def __init__(self, files, name: str, start: bytes) -> None:
        self._files = files
        self._name = name
        self._data = bytearray(start)

    def write(self, data) -> int:
        self._data.extend(data)
        return len(data)

    def __enter__(self):
        return self

    def __exit__(self, kind, _error, _trace) -> None:
        if kind is None:
            self.close()

    def close(self) -> None:
        self._files.put(self._name, bytes(self._data))


class MemoryFiles:
    """The folder. ``writes_left``: how many durable changes succeed before the power goes, -1 for all."""

    def __init__(self) -> None:
        self.data = {}
        self.writes = 0
        self.writes_left = -1
        self.bytes_written = 0

    def _count(self) -> None:
        if self.writes_left == 0:
            raise PowerCut
        self.writes_left -= 1
        self.writes += 1

    def put(self, name: str, data: bytes) -> None:
        self._count()
        self.bytes_written += len(data)
        self.data[name] = data

    def open(self, name: str, mode: str):
        if mode == "rb":
            return io.BytesIO(self.data[name])
        return _Open(self, name, self.data.get(name, b"") if mode == "ab" else b"")

    def exists(self, name: str) -> bool:
        return name in self.data

    def remove(self, name: str) -> None:
        if name in self.data:
            self._count()
            del self.data[name]

    def rename(self, old: str, new: str) -> None:
        self._count()
        self.data[new] = self.data.pop(old)

    def save(self, name: str, payload) -> None:
        self.put(name, bytes(payload))

    def load(self, name: str):
        return bytearray(self.data[name]) if name in self.data else None
