"""The badge's application, loaded and started inside 32-bit MicroPython, with hardware that does nothing.

Each function of ``STEPS`` is one step; the caller collects garbage and measures between them. The stand-ins
for ``machine``, ``bluetooth``, ``esp32``, ``select``, ``os`` and ``asyncio`` are there before the first
measurement, so they do not count: on an ESP32 they are C, or frozen in flash.
"""

import gc
import os
import random
import sys

kept = {}


class _Anything:
    """Stands for a device: takes every call and returns nothing."""

    def __init__(self, *_arguments, **_named):
        pass

    def __getattr__(self, _name):
        return _nothing


def _nothing(*_arguments, **_named):
    return None


class _Pin(_Anything):
    IN = OUT = PULL_UP = IRQ_FALLING = 1

    def value(self, _level=None):
        return 1

    def irq(self, *_arguments):
        return None


class _Ble(_Anything):
    """The address is another one each time; nothing is heard."""

    count = 0

    def active(self, _is_on=None):
        return True

    def config(self, *names, **_values):
        if names != ("mac",):
            return None
        _Ble.count += 1
        return 3, bytes((0x20, 0, 0, 0, _Ble.count >> 8, _Ble.count & 0xFF))


class _Nvs:
    def __init__(self, _name):
        self._values = {}

    def get_i32(self, key):
        if key not in self._values:
            raise OSError(-4354)
        return self._values[key]

    def set_i32(self, key, value):
        self._values[key] = value

    def erase_key(self, key):
        del self._values[key]

    def commit(self):
        return None


class _Rtc:
    def datetime(self, _fields=None):
        return 2026, 3, 2, 0, 8, 0, 0, 0


class _Never:
    """Waits for ever: what awaits it stays where it is."""

    def __iter__(self):
        return self

    __await__ = __iter__

    def __next__(self):
        return None

    def send(self, _value):
        return None

    def close(self):
        return None


def _never(*_arguments, **_named):
    return _Never()


def _gather(*tasks):
    kept["tasks"] = tasks
    return _Never()


class _Event:
    def __init__(self):
        self._is_set = False

    def is_set(self):
        return self._is_set

    def set(self):
        self._is_set = True

    def clear(self):
        self._is_set = False

    wait = _never


class _Lock:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *_error):
        return None


class _Reader:
    def __init__(self, _stream):
        pass

    read = _never


class _Poll:
    def register(self, *_arguments):
        return None

    def poll(self, _timeout):
        return []

    ipoll = poll


def _os(function):
    """Return ``function`` with an ESP32's error numbers."""

    def call(*paths):
        try:
            return function(*paths)
        except OSError as error:
            raise OSError({44: 2, 20: 17}.get(error.errno, error.errno))  # WebAssembly's: not there, there

    return call


class _Module:
    pass


def _module(name, **members):
    module = _Module()
    for key in members:
        setattr(module, key, members[key])
    sys.modules[name] = module


def stand_ins():
    """Put what an ESP32 has in C, or frozen, in place of what this runtime has."""
    _module(
        "machine",
        Pin=_Pin,
        Signal=_Pin,
        RTC=_Rtc,
        WDT=_Anything,
        freq=_nothing,
        reset=_nothing,
        reset_cause=lambda: 1,
        bitstream=_nothing,
        PWM=_Anything,
        I2C=_Anything,
        SPI=_Anything,
        unique_id=lambda: b"\x24\x0a\xc4\x01\x02\x03",
    )
    _module("bluetooth", BLE=_Ble)
    _module("esp32", NVS=_Nvs)
    _module("select", poll=_Poll, POLLIN=1)
    _module(
        "asyncio",
        sleep=_never,
        sleep_ms=_never,
        Event=_Event,
        Lock=_Lock,
        ThreadSafeFlag=_Event,
        StreamReader=_Reader,
        create_task=_nothing,
        gather=_gather,
        run=_nothing,
        wait_for=_never,
        wait_for_ms=_never,
        TimeoutError=OSError,
        CancelledError=KeyError,
    )
    _module(
        "os",
        stat=_os(os.stat),
        mkdir=_os(os.mkdir),
        remove=_os(os.remove),
        rename=_os(os.rename),
        listdir=_os(os.listdir),
        statvfs=lambda _path: (4096, 4096, 512, 400, 400, 0, 0, 0, 0, 255),
        urandom=lambda count: bytes([random.getrandbits(8) for _ in range(count)]),
    )


def names():
    """Meet the names of the code that comes and goes, as main.py does first; and take the filter."""
    space = kept["main"] = {"__name__": "main"}
    with open("/main.py") as stream:
        text = stream.read()
    begin, kept["rest"] = text.split("import asyncio", 1)
    from cx import aes
    from cx.aes_viper import ViperEngine

    # Machine code lies elsewhere on an ESP32, and does not run here: its tables count, its results do not.
    aes.choose = lambda _candidates=None: ViperEngine()
    exec(begin, space)


def load():
    """Import everything, as main.py does."""
    rest = kept.pop("rest")
    rest = rest[: rest.rindex("main()")]
    exec("import asyncio" + rest, kept["main"])


def build():
    """Make the application's objects."""
    space = kept["main"]
    kept["app"] = space["build"](space["Button"](space["board"].button()))


def start():
    """Let every task run up to the first thing that it waits for; the first seed is made in this."""
    run = kept["run"] = kept["app"].run()
    run.send(None)
    for task in kept["tasks"]:
        task.send(None)


STEPS = (stand_ins, names, load, build, start)


def used():
    """Return the bytes of the heap that are in use."""
    return gc.mem_alloc()
