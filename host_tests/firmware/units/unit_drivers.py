"""The boards' drivers against models of their chips, made from the data sheets. Runs inside MicroPython."""

import machine
from framebuf import MONO_HLSB, FrameBuffer


class Chip:
    """An AXP192 on I2C: registers, as they are after power-on as far as they matter here."""

    def __init__(self):
        self.registers = {0x12: 0x41, 0x28: 0x00, 0x82: 0x03, 0x78: 0xE1, 0x79: 0xF5}

    def readfrom_mem(self, address, register, count):
        assert address == 0x34
        return bytes([self.registers[register + at] for at in range(count)])

    def writeto_mem(self, address, register, data):
        assert address == 0x34 and len(data) == 1
        self.registers[register] = data[0]


class Wire:
    """A pin that remembers its levels."""

    def __init__(self):
        self.levels = []

    def value(self, level):
        self.levels.append(level)


class Panel:
    """An ST7789 on SPI: takes commands and makes the picture, a byte for each of 240 times 135 points."""

    def __init__(self):
        self.select, self.command, self.reset = Wire(), Wire(), Wire()
        self.on = []
        self.commands = {}
        self.picture = bytearray(b"?" * (240 * 135))
        self._last = 0
        self._at = 0

    def write(self, data):
        assert self.select.levels[-1] == 0 and self.reset.levels == [0, 1] * (len(self.reset.levels) // 2)
        if not self.command.levels[-1]:
            self._last = data[0]
            self.commands[self._last] = b""
            self._at = 0
        elif self._last == 0x2C:
            self._draw(bytes(data))
        else:
            self.commands[self._last] += bytes(data)

    def _draw(self, data):
        assert (self._range(0x2A), self._range(0x2B)) == ((40, 279), (53, 187))
        for at in range(0, len(data), 2):
            assert data[at] == data[at + 1] and data[at] in (0, 0xFF)
            self.picture[self._at] = data[at]
            self._at += 1

    def _range(self, command):
        data = self.commands[command]
        return data[0] << 8 | data[1], data[2] << 8 | data[3]


def unit_battery_and_screen_supply(_solo):
    from badge.drivers.axp192 import Axp192

    chip = Chip()
    power = Axp192(chip)
    assert chip.registers[0x82] == 0x83  # the voltage is measured, what was measured before still is
    assert power.millivolts() == (0xE1 << 4 | 0x5) * 11 // 10 == 3965
    power.light_screen(True)
    assert chip.registers[0x12] == 0x4D and chip.registers[0x28] == 0xCC
    power.light_screen(False)
    assert chip.registers[0x12] == 0x41  # the ESP32's own supply stayed on


def unit_addressable_light(_solo):
    sent = []
    machine.bitstream = lambda pin, encoding, timing, data: sent.append((pin, encoding, timing, data))
    from badge.drivers.pixel import Pixel

    light = Pixel("pin")
    light.value(1)
    assert light.value() == 1
    light.value(0)
    assert [data for _, _, _, data in sent] == [bytes(3), b"\x10\x10\x10", bytes(3)]
    pin, encoding, timing, _ = sent[0]
    # WS2812B: 0 is high for 0.4 us of 1.25 us, 1 for 0.8 us; each may be off by 0.15 us
    assert pin == "pin" and encoding == 0 and timing == (400, 850, 800, 450)


def unit_buzzer(_solo):
    duties = []

    class Pwm:
        def __init__(self, _pin, freq, duty_u16):
            assert 2000 <= freq <= 4000
            duties.append(duty_u16)

        def duty_u16(self, value):
            duties.append(value)

    machine.PWM = Pwm
    from badge.drivers.buzzer import Buzzer

    buzzer = Buzzer("pin")
    buzzer.value(1)
    buzzer.value(0)
    assert duties == [0, 32768, 0]


def expected(lines):
    """Return the picture of these lines, drawn by framebuf at full size."""
    picture = bytearray(240 * 135)
    top = (135 - 16 * len(lines)) // 2
    for number, text in enumerate(lines):
        width = 8 * len(text)
        small = FrameBuffer(bytearray(width), width, 8, MONO_HLSB)
        small.text(text, 0, 0)
        left = (240 - 2 * width) // 2
        for x in range(2 * width):
            for y in range(16):
                if small.pixel(x // 2, y // 2):
                    picture[(top + 16 * number + y) * 240 + left + x] = 0xFF
    return picture


def unit_screen(_solo):
    from badge.drivers.st7789 import Screen

    panel = Panel()
    screen = Screen(
        panel, panel.select, panel.command, panel.reset, (240, 135), (40, 53), lambda on: panel.on.append(on)
    )
    for lines in (("press", "to agree"), ("refused",), ("fifteen letters",)):
        screen.show(lines)
        assert panel.on[-1] is True and panel.select.levels[-1] == 1
        assert panel.picture == expected(lines)
    # awake, 16 bits a point, on its side, inverted as this panel wants it, switched on
    assert {0x11, 0x21, 0x29} <= set(panel.commands)
    assert panel.commands[0x3A] == b"\x55" and panel.commands[0x36] == b"\x60"
    screen.clear()
    assert panel.on[-1] is False
