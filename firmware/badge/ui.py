"""What the owner sees, hears and does: one light, one button; a buzzer and a screen on boards that have them.

Patterns differ in number and length of flashes, never in colour only:

- working: one short flash a minute (no flash for two minutes means that the badge does not work);
- alert: three short flashes, every fifteen seconds;
- waiting for consent: as many flashes of a quarter second as tell what is asked, then a second of dark, again
  and again (``KINDS``); a long flash comes before them when the button must be held for three seconds, until
  the light stays on. What cannot be taken back needs holding, and a press of the wrong length agrees to
  nothing: a computer that asks for one thing in place of another needs an owner who does not look;
- accepted: one long flash; refused: five quick ones;
- held for three seconds when nothing is asked: the light stays on, and the badge looks for lists over Wi-Fi;
- mark set (double press): two long flashes; mark ended: two short ones.

Buzzer and screen are for consent only: an alert is not for whoever stands near.
"""

import asyncio

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from collections.abc import Callable

    from badge.drivers.button import Button
    from badge.drivers.buzzer import Buzzer
    from badge.drivers.led import Led
    from badge.drivers.st7789 import Screen

CONSENT_S = const(30)
# What the owner may be asked for. Its place from 1 on is the number of short flashes; from _HELD on that is
# counted anew, and the button must be held.
KINDS = ("clock", "alerts", "publisher", "removal", "settings", "report", "wipe")
_HELD = const(5)
_LOOK_MS = const(1_000)
_SHORT_MS = const(2_000)
_HOLD_MS = const(3_000)
_FLASH_MS = const(60)
_WORKING_REST_MS = const(60_000)
_ALERT_REST_MS = const(15_000)
_DOUBLE_PRESS_MS = const(800)


def is_held(kind: str) -> bool:
    """Tell whether the button must be held to agree to ``kind``."""
    return KINDS.index(kind) >= _HELD


class Ui:
    """Light and button, and ``buzzer`` and ``screen``, None where the board has none.

    ``is_alarming`` is asked before each pattern; ``mark`` is called at a double press and returns
    whether the owner's mark is on now. ``is_quiet``: no flash for working.
    """

    def __init__(
        self,
        led: "Led",
        button: "Button",
        is_alarming: "Callable[[], bool]",
        mark: "Callable[[], bool]",
        is_quiet: bool = False,
        buzzer: "Buzzer | None" = None,
        screen: "Screen | None" = None,
    ) -> None:
        self._led = led
        self._buzzer = buzzer
        self._screen = screen
        self._button = button
        self.on_hold: "Callable[[bool], None] | None" = None  # called when it is held and nothing is asked
        self._is_alarming = is_alarming
        self._mark = mark
        self._is_quiet = is_quiet
        self._asked = ""  # what of KINDS is asked now
        self._consented = asyncio.Event()
        self._busy = asyncio.Lock()  # one pattern at a time

    async def run(self) -> None:
        """Show the badge's state for ever."""
        while True:
            is_alarming = self._is_alarming()
            if is_alarming or not self._is_quiet:
                async with self._busy:
                    await self._flash(3 if is_alarming else 1, _FLASH_MS, _FLASH_MS * 3)
            await asyncio.sleep_ms(_ALERT_REST_MS if is_alarming else _WORKING_REST_MS)

    async def watch_button(self) -> None:
        """Take every press for ever: consent when it is asked for, else a double press is a mark."""
        while True:
            if not await self._take_press():
                continue
            try:
                is_short = await asyncio.wait_for_ms(self._take_press(), _DOUBLE_PRESS_MS)
            except asyncio.TimeoutError:
                continue
            if not is_short:
                continue
            is_on = self._mark()
            async with self._busy:
                await self._flash(2, 600 if is_on else _FLASH_MS, 200)

    async def _take_press(self) -> bool:
        """Wait for a press and its release; tell whether it was short and answered no question."""
        await self._button.fall()
        asked = self._asked  # a question that comes while the button is down is not answered by this press
        held_ms = await self._button.rise(_HOLD_MS, lambda: self._hold(asked))
        self._led.set(False)
        if held_ms < _SHORT_MS:
            self._agree(asked, False)
        return not asked and held_ms < _SHORT_MS

    def _hold(self, asked: str) -> None:
        if asked:
            self._agree(asked, True)
        elif self.on_hold is not None:
            self._led.set(True)
            self.on_hold(True)

    def _agree(self, asked: str, has_held: bool) -> None:
        if asked and asked == self._asked and is_held(asked) == has_held:
            self._consented.set()

    async def consent(self, kind: str, on_asking: "Callable[[], None]") -> bool:
        """Ask the owner for something of ``KINDS``; tell whether the button agreed within 30 s.

        ``on_asking`` is called when the badge is ready for the press: another pattern may have to end first,
        and the owner is given a second to see what is asked.
        """
        async with self._busy:
            self._write(kind + "?", "hold 3 s" if is_held(kind) else "press")
            asking = asyncio.create_task(self._ask(kind))
            await asyncio.sleep_ms(_LOOK_MS)
            self._consented.clear()
            self._asked = kind
            on_asking()
            try:
                await asyncio.wait_for(self._consented.wait(), CONSENT_S)
                has_consented = True
            except asyncio.TimeoutError:
                has_consented = False
            self._asked = ""
            asking.cancel()
            self._signal(False)
            self._write("accepted" if has_consented else "refused")
            if has_consented:
                await self._flash(1, 1000, 200, self._signal)
            else:
                await self._flash(5, 50, 50, self._signal)
            self._write()
        return has_consented

    async def _ask(self, kind: str) -> None:
        flashes = KINDS.index(kind) + 1
        while True:
            if flashes > _HELD:
                await self._flash(1, 1000, 250, self._signal)
            await self._flash(flashes % _HELD or _HELD, 250, 250, self._signal)
            await asyncio.sleep_ms(1000)

    async def _flash(
        self, times: int, lit_ms: int, dark_ms: int, switch: "Callable[[bool], None] | None" = None
    ) -> None:
        switch = switch or self._led.set
        for _ in range(times):
            switch(True)
            await asyncio.sleep_ms(lit_ms)
            switch(False)
            await asyncio.sleep_ms(dark_ms)

    def _signal(self, is_on: bool) -> None:
        """Light and sound."""
        self._led.set(is_on)
        if self._buzzer is not None:
            self._buzzer.value(1 if is_on else 0)

    def _write(self, *lines: str) -> None:
        """Show these lines, or darken the screen if there are none."""
        if self._screen is None:
            return
        if lines:
            self._screen.show(lines)
        else:
            self._screen.clear()
