"""A hub full of simulated badges: each on a pseudo-terminal of its own, at the pace of a serial line."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from cxhost.boards import load_board
from cxhost.build import build
from cxhost.image import application, update_image
from cxhost.sim.pty import PtyBadge


class Hub:
    """``count`` badges with the application, in folders of ``directory``. A context manager; ``badges``."""

    def __init__(self, directory: Path, count: int) -> None:
        board = load_board("sim")
        files = application(build(board))
        self.badges: list[PtyBadge] = []
        for number in range(1, count + 1):
            folder = directory / f"badge-{number:02}"
            folder.mkdir(parents=True, exist_ok=True)
            update_image(board, files, folder / "flash.img")
            self.badges.append(PtyBadge(folder, is_paced=True))

    @property
    def ports(self) -> list[str]:
        """The devices to open."""
        return [badge.port for badge in self.badges]

    def __enter__(self) -> Hub:
        for badge in self.badges:
            badge.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        for badge in self.badges:
            badge.close()
