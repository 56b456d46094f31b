"""``cxbadge build``, ``flash``, ``install``, ``image``, ``lock`` and ``simulate``: software on a badge."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from cxhost.boards import BoardError, board_names, load_board
from cxhost.build import BuildError, build, built_files
from cxhost.flash import FlashError, confirm_unknown, find
from cxhost.flash import flash as flash_image
from cxhost.image import ImageError, application
from cxhost.install import InstallError
from cxhost.install import install as install_application
from cxhost.lock import WARNING, LockError, fuse_of, lock
from cxhost.production import production_image
from cxhost.transport import only_port

ERRORS = (BoardError, BuildError, FlashError, ImageError, InstallError, LockError)

BoardOption = Annotated[str, typer.Option(help=f"One of: {', '.join(board_names())}.")]
PortOption = Annotated[
    str | None, typer.Option(help="Serial port of the badge. Found by itself if only one.", metavar="PORT")
]
FirmwareOption = Annotated[
    Path | None,
    typer.Option(help="Official MicroPython image for this board, .bin; found by its hash if not given."),
]
out = Console()
err = Console(stderr=True)


def build_command(board: BoardOption = "ESP32_GENERIC") -> None:
    """Compile the badge's application to bytecode, only what changed.

    Example: cxbadge build --board ESP32_GENERIC
    """
    folder = build(load_board(board))
    names = list(built_files(folder))
    size = sum((folder / name).stat().st_size for name in names)
    out.print(f"{folder}: {len(names)} files, {size} bytes")


def flash_command(
    firmware: FirmwareOption = None,
    board: BoardOption = "ESP32_GENERIC",
    port: PortOption = None,
    erase: Annotated[
        bool, typer.Option("--erase", help="Wipe the whole flash first, the owner's data with it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write an image that board.json does not know.")] = False,
) -> None:
    """Put MicroPython on a badge.

    Example: cxbadge flash --board ESP32_GENERIC --firmware ESP32_GENERIC-20250911-v1.26.1.bin
    """
    known = load_board(board)
    flash_image(
        known,
        port or only_port(),
        firmware or find(known, _places()),
        confirm=lambda question: yes or typer.confirm(question, err=True),
        erase=erase,
    )
    out.print("MicroPython is on the badge. Next: cxbadge install")


def _places() -> list[Path]:
    """Return the folders where an official image may have been put."""
    return [Path.cwd(), Path.home() / "Downloads"]


def image_command(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    firmware: FirmwareOption = None,
    board: BoardOption = "ESP32_GENERIC",
    yes: Annotated[bool, typer.Option("--yes", help="Use an image that board.json does not know.")] = False,
) -> None:
    """Make one file with MicroPython and the application, to be written at flash offset 0 in production.

    Example: cxbadge image --board ESP32_GENERIC --firmware ESP32_GENERIC-20250911-v1.26.1.bin -o badge.bin
    """
    known = load_board(board)
    source = firmware or find(known, _places())
    confirm_unknown(known, source, lambda question: yes or typer.confirm(question, err=True))
    content = production_image(known, source.read_bytes(), application(build(known)))
    partial = output.with_name(output.name + ".partial")
    partial.write_bytes(content)
    partial.replace(output)
    digest = hashlib.sha256(content).hexdigest()
    out.print(
        f"{output}: {len(content)} bytes for offset 0, SHA-256 {digest}", highlight=False, soft_wrap=True
    )


def lock_command(board: BoardOption = "ESP32_GENERIC", port: PortOption = None) -> None:
    """Close the chip's own loader for ever: burns a fuse, which nobody can undo.

    Example: cxbadge lock --board ESP32_GENERIC --port /dev/ttyUSB0
    """
    known = load_board(board)
    fuse = fuse_of(known)
    chosen = port or only_port()
    err.print(WARNING, style="bold", highlight=False)
    typed = typer.prompt(
        f"Type {fuse} to burn it on the badge at {chosen}; anything else ends this", err=True
    )
    if typed.strip() != fuse:
        raise LockError("nothing was burnt")
    lock(known, chosen)
    out.print("The loader is closed. What is on this badge now can only be updated with its button.")


def install_command(board: BoardOption = "ESP32_GENERIC", port: PortOption = None) -> None:
    """Put the application on a badge that has MicroPython; only files that differ are copied.

    A badge that runs the application already must first be reset and its button pressed within three
    seconds. Example: cxbadge install --port /dev/ttyUSB0
    """
    known = load_board(board)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("installing", total=len(list(built_files(build(known)))))

        def on_step(path: str) -> None:
            bar.update(task, advance=1, description=path)

        done = install_application(known, port or only_port(), on_step)
    out.print(f"{len(done.copied)} files copied, {len(done.removed)} removed, {done.unchanged} unchanged.")


def simulate_command(
    directory: Annotated[Path, typer.Argument(help="Folder of the simulated badge, made when missing.")],
    press_button: Annotated[
        bool, typer.Option("--press-button", help="Hold the button while it starts: opens its prompt.")
    ] = False,
    fast: Annotated[
        bool, typer.Option("--fast", help="Without the pace of a serial line and its input ring.")
    ] = False,
) -> None:
    """Run a simulated badge on a pseudo-terminal in real time, until Ctrl-C; its port is printed first.

    Example: cxbadge simulate badge-one, then in another terminal: cxbadge install --board sim --port PORT
    """
    from cxhost.sim.pty import PtyBadge  # POSIX only

    badge = PtyBadge(directory, press_button, is_paced=not fast)
    try:
        typer.echo(badge.port)
        badge.run()
    except KeyboardInterrupt:
        pass
    finally:
        badge.close()


def register(app: typer.Typer) -> None:
    """Add the commands to ``cxbadge``."""
    app.command(name="build")(build_command)
    app.command(name="flash")(flash_command)
    app.command(name="install")(install_command)
    app.command(name="image")(image_command)
    app.command(name="lock")(lock_command)
    app.command(name="simulate")(simulate_command)
