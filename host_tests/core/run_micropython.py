"""The runner inside MicroPython: every ``test_*`` function of the files named, one line each.

Usage: micropython run_micropython.py LIB_DIR VECTORS_DIR FILE...

Prints ``ok FILE::NAME`` or ``FAIL FILE::NAME`` with the traceback, and ends with a
``passed N failed N`` line. ``test_runtimes.py`` compares these names with pytest's.
"""

import gc
import sys


def _stem(path: str) -> str:
    return path.split("/")[-1].rsplit(".", 1)[0]


def main(arguments: list[str]) -> int:
    """Run the files; return 0 when every test passed, 1 otherwise."""
    lib, vectors, files = arguments[0], arguments[1], arguments[2:]
    sys.path.insert(0, files[0].rsplit("/", 1)[0])
    sys.path.insert(0, lib)
    passed = failed = 0
    import support

    support.VECTORS = vectors
    for path in files:
        module = __import__(_stem(path))
        for name in sorted(n for n in dir(module) if n.startswith("test_")):
            gc.collect()
            label = _stem(path) + "::" + name
            try:
                getattr(module, name)()
            except Exception as error:  # noqa: BLE001  a test runner reports whatever a test raises
                failed += 1
                print("FAIL", label)
                sys.print_exception(error)  # type: ignore[attr-defined]
            else:
                passed += 1
                print("ok", label)
    print("passed", passed, "failed", failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
