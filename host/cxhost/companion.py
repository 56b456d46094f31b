"""The companion's end of a badge's console: requests out, answers in.

Works over anything that is a Transport. The protocol is described in
``docs/console-protocol.md``. A frame whose answer does not come is sent again with the same
sequence number, which the badge answers without doing it twice.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import struct
from collections import deque
from collections.abc import Callable
from typing import Any

from cx import frame
from cxhost.transport import Transport

# Two frames of 120 bytes are under way at a time: together they fit the badge's input ring of 260 bytes,
# even while it writes to flash and reads nothing, and the line stays busy while one is answered.
_PIECE_BYTES = 106
_WINDOW_PIECES = 2
_DATA_S = 1.0
_DATA_TRIES = 15
_ANSWER_S = 5.0
_TRIES = 5
# Verifying a long publication holds the badge for a while.
_END_S = 120.0


class BadgeError(Exception):
    """The badge refused a request, or did not answer. The message is one line for people."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error


class Badge:
    """One badge at the end of a transport.

    ``on_waiting`` is called with (what for, seconds) when the badge waits for its owner's button, see
    ``cxhost.consent``.
    """

    def __init__(self, transport: Transport, on_waiting: Callable[[str, int], None] | None = None) -> None:
        self._transport = transport
        self._on_waiting = on_waiting or (lambda what, seconds: None)
        self._decoder = frame.Decoder(frame.MAX_FROM_BADGE)
        self._arrived: deque[tuple[int, int, bytes]] = deque()
        # A random start, so that a badge does not take this for a repeated frame of an earlier session.
        self._sequence = secrets.randbelow(256)

    def hello(self) -> dict[str, Any]:
        """Return the badge's version and board; BadgeError if it speaks another protocol version."""
        answer = self.request("hello")
        if answer.get("protocol") != frame.VERSION:
            theirs = answer.get("protocol")
            raise BadgeError(
                "protocol",
                f"the badge speaks console protocol {theirs}, this companion {frame.VERSION}: "
                "update the older one",
            )
        return answer

    def request(self, do: str, timeout_s: float = _ANSWER_S, **fields: object) -> dict[str, Any]:
        """Send one request and return the badge's answer; BadgeError with its reason otherwise."""
        text = json.dumps({"do": do, **fields}, ensure_ascii=False).encode()
        while len(text) > frame.MAX_TO_BADGE:
            self._exchange(frame.PART, text[: frame.MAX_TO_BADGE], _ANSWER_S)
            text = text[frame.MAX_TO_BADGE :]
        _, payload = self._exchange(frame.REQUEST, text, timeout_s)
        return json.loads(payload)

    def put(
        self,
        what: str,
        data: bytes,
        progress: Callable[[int, int], None] | None = None,
        **fields: str,
    ) -> dict[str, Any]:
        """Send a file in pieces, let the badge check and take it, and return its answer.

        ``progress`` is called with (bytes held by the badge, bytes in all). A transfer that was
        cut off before goes on where it stopped.
        """
        digest = hashlib.sha256(data).hexdigest()
        offset = self.request("put", what=what, timeout_s=_ANSWER_S, size=len(data), sha256=digest, **fields)[
            "offset"
        ]
        self._send_pieces(data, offset, progress or (lambda done, total: None))
        return self.request("end", timeout_s=_END_S)

    def _send_pieces(self, data: bytes, held: int, progress: Callable[[int, int], None]) -> None:
        """Send ``data`` from ``held`` on, with as much on its way as the badge's input ring takes.

        An answer tells how much the badge holds. If that does not grow, a piece was lost, and
        everything after it is sent again.
        """
        sent = held
        tries = 0
        under_way: set[int] = set()
        while held < len(data):
            while sent < min(len(data), held + _WINDOW_PIECES * _PIECE_BYTES):
                piece = data[sent : sent + _PIECE_BYTES]
                under_way.add(self._send(frame.DATA, struct.pack(">I", sent) + piece))
                sent += len(piece)
            answer = self._answer(_DATA_S, under_way)
            now_held = held if answer is None else json.loads(_checked(answer)[1])["offset"]
            if now_held > held:
                held, tries = now_held, 0
                progress(held, len(data))
                continue
            tries += 1
            if tries > _DATA_TRIES:
                raise BadgeError(
                    "timeout", "the badge stopped answering in the middle: try again, it goes on there"
                )
            sent = held
            under_way.clear()

    def get(self, size: int, sha256: str) -> bytes:
        """Fetch ``size`` offered bytes and compare their hash; BadgeError when it is wrong."""
        data = b""
        while len(data) < size:
            request = json.dumps({"do": "get", "offset": len(data)}).encode()
            kind, chunk = self._exchange(frame.REQUEST, request, _ANSWER_S)
            if kind != frame.CHUNK or not chunk:
                raise BadgeError("get", "the badge sent no data")
            data += chunk
        if hashlib.sha256(data).hexdigest() != sha256:
            raise BadgeError("sha256", "the report was damaged on its way: try again")
        return data

    def _send(self, kind: int, payload: bytes) -> int:
        """Send one frame under a new sequence number and return the number."""
        self._sequence = (self._sequence + 1) & 0xFF
        self._transport.write(frame.encode(kind, self._sequence, payload))
        return self._sequence

    def _exchange(self, kind: int, payload: bytes, timeout_s: float) -> tuple[int, bytes]:
        """Send one frame until it is answered; return (type, payload) of the answer."""
        sequence = self._send(kind, payload)
        for _ in range(_TRIES):
            answer = self._answer(timeout_s, {sequence})
            if answer is not None:
                return _checked(answer)
            self._transport.write(frame.encode(kind, sequence, payload))
        raise BadgeError("timeout", "the badge does not answer: is it on, and is this its port?")

    def _answer(self, timeout_s: float, sequences: set[int]) -> tuple[int, bytes] | None:
        """Return (type, payload) of the next answer to one of our frames, or None after the time.

        The number of the answered frame is taken out of ``sequences``.
        """
        deadline = self._transport.now() + timeout_s
        while True:
            while self._arrived:
                kind, sequence, payload = self._arrived.popleft()
                if sequence not in sequences:
                    continue
                if kind != frame.WAITING:
                    sequences.discard(sequence)
                    return kind, payload
                waiting = json.loads(payload)
                deadline = self._transport.now() + waiting["seconds"] + timeout_s
                self._on_waiting(waiting["for"], waiting["seconds"])
            remaining = deadline - self._transport.now()
            if remaining <= 0:
                # Noise may have made a frame's length longer than anything that is still to come.
                self._decoder.reset()
                return None
            self._arrived.extend(self._decoder.frames(self._transport.read(remaining)))


def _checked(answer: tuple[int, bytes]) -> tuple[int, bytes]:
    """Return the answer; BadgeError when it is the badge's refusal."""
    if answer[0] == frame.ERROR:
        error = json.loads(answer[1])
        raise BadgeError(error["error"], error["message"])
    return answer
