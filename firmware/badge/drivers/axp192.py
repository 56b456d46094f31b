"""The AXP192 power chip of small M5Stack devices: the battery's voltage, the screen's supplies.

Registers from the AXP192 data sheet (X-Powers).
"""

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from machine import I2C

_ADDRESS = const(0x34)
_POWER_STATUS = const(0x00)
_HAS_USB = const(0x20)
_OUTPUTS = const(0x12)  # what is switched on; bit 0 is the supply of the ESP32 itself
_LDO_VOLTAGES = const(0x28)
_ADC_ENABLE = const(0x82)
_BATTERY = const(0x78)  # upper 8 bits, then the lower 4
_BATTERY_ADC = const(0x80)
_BACKLIGHT = const(0x04)  # LDO2
_PANEL = const(0x08)  # LDO3
_3V = const(0xCC)  # 1.8 V and twelve steps of 0.1 V, both


class Axp192:
    """The chip on its I2C bus."""

    def __init__(self, bus: "I2C") -> None:
        self._bus = bus
        self._set(_ADC_ENABLE, _BATTERY_ADC, _BATTERY_ADC)
        self._set(_LDO_VOLTAGES, 0xFF, _3V)

    def millivolts(self) -> int:
        """Return the battery's voltage in mV."""
        high, low = self._bus.readfrom_mem(_ADDRESS, _BATTERY, 2)
        return (high << 4 | low & 0x0F) * 11 // 10  # 1.1 mV a step

    def has_usb(self) -> bool:
        """Tell whether there is power on the USB connector."""
        return bool(self._bus.readfrom_mem(_ADDRESS, _POWER_STATUS, 1)[0] & _HAS_USB)

    def light_screen(self, is_lit: bool) -> None:
        """Switch the screen's supply and its light on or off."""
        self._set(_OUTPUTS, _BACKLIGHT | _PANEL, _BACKLIGHT | _PANEL if is_lit else 0)

    def _set(self, register: int, mask: int, bits: int) -> None:
        before = self._bus.readfrom_mem(_ADDRESS, register, 1)[0]
        self._bus.writeto_mem(_ADDRESS, register, bytes((before & ~mask | bits,)))


class Cable:
    """The charging cable, as the chip sees it."""

    def __init__(self, chip: Axp192) -> None:
        self._chip = chip

    def value(self) -> int:
        """Return 1 while it is there."""
        return int(self._chip.has_usb())
