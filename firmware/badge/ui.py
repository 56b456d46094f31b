"""What the owner sees and does: one light, one button.

Patterns differ in number and length of flashes, never in colour only:

- working: one short flash a minute (no flash for two minutes means that the badge does not work);
- alert: three short flashes, every fifteen seconds;
- waiting for consent: even blinking, half a second on, half a second off;
- accepted: one long flash; refused: five quick ones;
- mark set (double press): two long flashes; mark ended: two short ones.
"""

import asyncio

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from collections.abc import Callable

    from badge.drivers.button import Button
    from badge.drivers.led import Led

CONSENT_S = const(30)
_FLASH_MS = const(60)
_WORKING_REST_MS = const(60_000)
_ALERT_REST_MS = const(15_000)
_DOUBLE_PRESS_MS = const(800)


class Ui:
    """Light and button.

    ``is_alarming`` is asked before each pattern; ``mark`` is called at a double press and returns
    whether the owner's mark is on now.
    """

    def __init__(
        self, led: "Led", button: "Button", is_alarming: "Callable[[], bool]", mark: "Callable[[], bool]"
    ) -> None:
        self._led = led
        self._button = button
        self._is_alarming = is_alarming
        self._mark = mark
        self._is_asking = False
        self._consented = asyncio.Event()
        self._busy = asyncio.Lock()  # one pattern at a time

    async def run(self) -> None:
        """Show the badge's state for ever."""
        while True:
            is_alarming = self._is_alarming()
            async with self._busy:
                await self._flash(3 if is_alarming else 1, _FLASH_MS, _FLASH_MS * 3)
            await asyncio.sleep_ms(_ALERT_REST_MS if is_alarming else _WORKING_REST_MS)

    async def watch_button(self) -> None:
        """Take every press for ever: consent when it is asked for, else a double press is a mark."""
        while True:
            await self._button.press()
            if self._is_asking:
                self._consented.set()
                continue
            try:
                await asyncio.wait_for_ms(self._button.press(), _DOUBLE_PRESS_MS)
            except asyncio.TimeoutError:
                continue
            if self._is_asking:
                self._consented.set()
                continue
            is_on = self._mark()
            async with self._busy:
                await self._flash(2, 600 if is_on else _FLASH_MS, 200)

    async def consent(self, on_asking: "Callable[[], None]") -> bool:
        """Ask the owner to press the button within 30 s, and tell whether that happened.

        ``on_asking`` is called when the badge is ready for the press: another pattern may have to end first.
        """
        async with self._busy:
            self._consented.clear()
            self._is_asking = True
            on_asking()
            asking = asyncio.create_task(self._ask())
            try:
                await asyncio.wait_for(self._consented.wait(), CONSENT_S)
                has_consented = True
            except asyncio.TimeoutError:
                has_consented = False
            self._is_asking = False
            asking.cancel()
            self._led.set(False)
            if has_consented:
                await self._flash(1, 1000, 200)
            else:
                await self._flash(5, 50, 50)
        return has_consented

    async def _ask(self) -> None:
        while True:
            await self._flash(1, 500, 500)

    async def _flash(self, times: int, lit_ms: int, dark_ms: int) -> None:
        for _ in range(times):
            self._led.set(True)
            await asyncio.sleep_ms(lit_ms)
            self._led.set(False)
            await asyncio.sleep_ms(dark_ms)
