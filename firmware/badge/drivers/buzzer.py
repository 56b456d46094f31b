"""A passive buzzer on one pin: it sounds while it is fed a tone."""

from machine import PWM

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from machine import Pin

_TONE_HZ = const(2700)
_HALF = const(32768)  # of 65 536: a square wave


class Buzzer:
    """Stands for a pin: level 1 sounds it, 0 silences it."""

    def __init__(self, pin: "Pin") -> None:
        self._pwm = PWM(pin, freq=_TONE_HZ, duty_u16=0)

    def value(self, level: int) -> None:
        """Sound or be silent."""
        self._pwm.duty_u16(_HALF if level else 0)
