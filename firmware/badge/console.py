"""The badge's end of the USB serial line: frames in, requests answered, frames out.

The protocol is described in ``docs/console-protocol.md``; what each request does is in
``requests.py``. Every frame from the companion gets exactly one answer, except that WAITING may
come before it. A request that is sent again with the same sequence number, because its answer was
lost, gets the same answer again and is not carried out twice.
"""

import json
import time

from badge.requests import RequestError
from badge.ui import is_held
from cx import frame
from cx.compat import TYPE_CHECKING, const
from cx.errors import CxError

if TYPE_CHECKING:
    from collections.abc import Callable

    from badge.drivers.serial import UsbSerial
    from badge.requests import Requests

_READ_LEN = const(128)
_REQUEST_LEN = const(1024)
_SILENCE_MS = const(1000)  # half a frame or request is forgotten after it
_FORGET_MS = const(10_000)  # and so is the last answer, if the owner's button gave it away


class Console:
    """Serves one companion at a time. ``hurry`` is called at every frame."""

    def __init__(self, serial: "UsbSerial", requests: "Requests", hurry: "Callable[[], None]") -> None:
        self._serial = serial
        self._requests = requests
        self._decoder = frame.Decoder(frame.MAX_TO_BADGE)
        self._parts = b""
        self._last_frame = (0, -1, b"")
        self._last_answer = (0, b"")
        self._is_agreed = False  # the last answer was given away by the owner's button
        self._hurry = hurry

    @property
    def dropped(self) -> int:
        """Number of bytes that came in and belonged to no frame."""
        return self._decoder.dropped

    async def run(self) -> None:
        """Answer for ever."""
        buffer = bytearray(_READ_LEN)
        last_ms = time.ticks_ms()
        while True:
            count = await self._serial.read(buffer)
            now_ms = time.ticks_ms()
            silent_ms = time.ticks_diff(now_ms, last_ms)
            if not 0 <= silent_ms <= _SILENCE_MS:  # below zero: so long that the ticks came round
                self._decoder.reset()
                self._parts = b""
            if self._is_agreed and not 0 <= silent_ms <= _FORGET_MS:
                self._is_agreed = False
                self._last_frame = (0, -1, b"")
                self._last_answer = (0, b"")
            last_ms = now_ms
            for kind, sequence, payload in self._decoder.frames(memoryview(buffer)[:count]):
                self._hurry()
                await self._handle(kind, sequence, payload)

    async def _handle(self, kind: int, sequence: int, payload: bytes) -> None:
        # The whole frame is compared: the first one of a new session may happen to have the same number.
        if (kind, sequence, payload) != self._last_frame:
            self._last_answer = (0, b"")  # nobody asks for it any more, and this request may need the memory
            self._is_agreed = False
            self._last_answer = await self._answer(kind, sequence, payload)
            self._last_frame = (kind, sequence, payload)
        self._send(self._last_answer[0], sequence, self._last_answer[1])
        if kind == frame.DATA:
            self._requests.store()

    def _send(self, kind: int, sequence: int, payload: bytes) -> None:
        """Send a frame in its three parts: a copy of a long answer may be more than there is room for."""
        head, tail = frame.ends(kind, sequence, payload)
        self._serial.write(head)
        self._serial.write(payload)
        self._serial.write(tail)

    async def _answer(self, kind: int, sequence: int, payload: bytes) -> "tuple[int, bytes]":
        """Return type and payload of the answer."""
        try:
            if kind == frame.PART:
                self._add_part(payload)
                return frame.REPLY, b"{}"
            if kind == frame.DATA:
                return frame.REPLY, _json(self._requests.data(payload))
            if kind != frame.REQUEST:
                raise RequestError("frame: unknown type %d" % kind)
            request = self._parse(payload)
            if request.get("do") == "get":
                self._is_agreed = True
                return frame.CHUNK, self._requests.get(request)
            return frame.REPLY, _json(await self._carry_out(request, sequence))
        except (RequestError, CxError) as error:
            return _error(type(error).__name__, str(error))
        except MemoryError as error:
            return _error("MemoryError", "the badge is out of memory: " + str(error))
        except OSError as error:
            return _error("OSError", "the badge's flash or radio failed, code %s" % error.errno)

    def _add_part(self, payload: bytes) -> None:
        if len(self._parts) + len(payload) > _REQUEST_LEN:
            self._parts = b""
            raise RequestError("request: longer than %d bytes" % _REQUEST_LEN)
        self._parts += payload

    def _parse(self, payload: bytes) -> dict:
        whole = self._parts + payload
        self._parts = b""
        try:
            request = json.loads(whole)
        except ValueError:
            raise RequestError("request: not JSON")
        if not isinstance(request, dict):
            raise RequestError("request: not a JSON object")
        return request

    async def _carry_out(self, request: dict, sequence: int) -> dict:
        def waiting(kind: str, seconds: int) -> None:
            press = "hold" if is_held(kind) else "short"
            self._is_agreed = True
            asked = {"for": kind, "press": press, "seconds": seconds}
            self._send(frame.WAITING, sequence, _json(asked))

        return await self._requests.carry_out(request, waiting)


def _json(value: dict) -> bytes:
    return json.dumps(value).encode()


def _error(error: str, message: str) -> "tuple[int, bytes]":
    return frame.ERROR, _json({"error": error, "message": message})
