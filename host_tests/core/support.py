"""What the core tests share: plain Python that both CPython and MicroPython run."""

import json

# The folder of the vectors. The MicroPython runner sets it; CPython finds it beside this file.
VECTORS = __file__.rsplit("/", 2)[0] + "/vectors"


def vector(name: str) -> dict:
    """Return the JSON vector file ``name`` (no ending) as a dict."""
    with open(VECTORS + "/" + name + ".json") as stream:
        return json.load(stream)


def sample(name: str) -> bytes:
    """Return the bytes of ``vectors/samples/name``."""
    with open(VECTORS + "/samples/" + name, "rb") as stream:
        return stream.read()


def raises(error: type, call, *arguments) -> Exception:
    """Return the error that ``call(*arguments)`` raises; fail if it raises none of that type."""
    try:
        call(*arguments)
    except error as caught:
        return caught
    raise AssertionError("no " + error.__name__ + " raised")


def engines() -> list:
    """Return one of each AES engine that this runtime has, and the bytecode one for 32-bit chips."""
    from cx import aes, aes_tables

    found = [aes_tables.HalfEngine()]
    if not isinstance(aes_tables.table_engine(), aes_tables.HalfEngine):
        found.append(aes_tables.WordEngine())
    for name, make in aes.CANDIDATES:
        try:
            if name != "bytecode":
                found.append(make())
        except (ImportError, SyntaxError):
            pass  # what this runtime lacks; test_aes.py shows that the choice copes with it
    return found


def viper_engine():
    """Return the viper engine: the real one, or on CPython its undecorated source with pointer stand-ins.

    None where the runtime is MicroPython without native code.
    """
    try:
        from cx.aes_viper import ViperEngine
    except SyntaxError:
        return None
    except ImportError:
        from cxhost.viper import load

        return load().ViperEngine()
    return ViperEngine()


def is_native(engine) -> bool:
    """Say whether an engine is machine code, and not its source run with stand-ins."""
    return type(engine).__module__ == "cx.aes_viper" if hasattr(type(engine), "__module__") else True
