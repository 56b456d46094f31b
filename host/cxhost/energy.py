"""How long a battery lasts: duty cycles of a power profile times the currents that the chip's maker states.

A computation, not a measurement. What it rests on:

- MicroPython never lets the processor sleep while Bluetooth is on: its current flows all the time.
- A board states, from the chip's data sheet, currents with the radio on for the whole chip. They are added to
  the processor's in full, which overstates them.
- An advertisement of this mapping is 39 bytes at 1 Mbit/s on each of three channels (Bluetooth Core 5.4,
  Vol 6, Part B, 2.1 and 4.4.2), and after each the radio listens for a request, because MicroPython's
  advertisements are scannable. Between two events lie the interval and 0 to 10 ms.
- Regulator, USB chip and LED of a development board are not in the chip's data sheet and are left out.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cx import profiles
from cx.errors import NotSupportedError
from cxhost.boards import Board, BoardError, load_board

TARGET_HOURS = 12.0
_CHANNELS = 3
_PACKET_S = 39 * 8 / 1e6
_LISTEN_S = 350e-6  # 150 us until an answer may begin, and the time to see that none does
_MEAN_DELAY_US = 5_000


@dataclass(frozen=True)
class Part:
    """What one thing costs: share of the time, current while it is on (mA), mean current (mA)."""

    name: str
    share: float
    on_ma: tuple[float, float]

    @property
    def mean_ma(self) -> tuple[float, float]:
        """The mean current, least and most."""
        return self.share * self.on_ma[0], self.share * self.on_ma[1]


@dataclass(frozen=True)
class Energy:
    """A profile on a board with a battery: its parts, and hours of life, least and most."""

    board: str
    profile: str
    battery_mah: float
    parts: list[Part]
    hours: tuple[float, float]
    sources: list[str]

    @property
    def reaches_target(self) -> bool:
        """Whether it lasts for the target even with the highest currents."""
        return self.hours[0] >= TARGET_HOURS


def compute(board: Board, profile: profiles.Profile, battery_mah: float) -> Energy:
    """Return what ``profile`` costs on ``board``; BoardError names a figure that the board does not state."""
    power = board.power
    interval_s = ((profile.interval_min_us + profile.interval_max_us) / 2 + _MEAN_DELAY_US) / 1e6
    cpu = _range(board, power.get("cpu_ma", {}), str(profile.cpu_mhz))
    receive, send = _range(board, power, "receive_ma"), _range(board, power, "send_ma")
    parts = [
        Part(f"processor at {profile.cpu_mhz} MHz", 1.0, cpu),
        Part("listening", profile.scan_ms / 1000 / profile.period_s, receive),
        Part("advertising: sending", _CHANNELS * _PACKET_S / interval_s, send),
        Part("advertising: listening for requests", _CHANNELS * _LISTEN_S / interval_s, receive),
    ]
    least, most = (sum(part.mean_ma[at] for part in parts) for at in (0, 1))
    hours = (battery_mah / most, battery_mah / least)
    return Energy(board.name, profile.name, battery_mah, parts, hours, list(power.get("sources", [])))


def _range(board: Board, figures: dict[str, Any], name: str) -> tuple[float, float]:
    try:
        least, most = figures[name]
    except (KeyError, TypeError, ValueError):
        raise BoardError(
            f"board.json of {board.name}: power: {name} is missing, as [least, most] in mA"
        ) from None
    return float(least), float(most)


def energy(
    board: Annotated[str, typer.Option(help="A folder of boards/.")] = "ESP32_GENERIC",
    battery: Annotated[float, typer.Option(min=1, help="The battery's charge in mAh.")] = 500,
    profile: Annotated[
        str | None, typer.Option(help=f"One of {', '.join(profiles.NAMES)}; all of them if not given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Compute how long a battery lasts, and what costs what.

    Example: cxbadge energy --board ESP32_GENERIC --battery 500 --profile all-day
    """
    try:
        chosen = [profiles.profile(name) for name in ([profile] if profile else profiles.NAMES)]
    except NotSupportedError as error:
        raise typer.BadParameter(str(error), param_hint="--profile") from None
    results = [compute(load_board(board), one, battery) for one in chosen]
    out = Console()
    if as_json:
        out.print_json(data=[_plain(result) for result in results])
        return
    for result in results:
        out.print(_table(result))
        verdict = "lasts" if result.reaches_target else "may not last"
        out.print(
            f"{result.hours[0]:.1f} to {result.hours[1]:.1f} hours "
            f"({result.hours[0] / 24:.2f} to {result.hours[1] / 24:.2f} days): "
            f"{verdict} for the {TARGET_HOURS:g} hours aimed at.\n"
        )
    for source in results[0].sources:
        out.print(f"Currents: {source}")
    out.print(
        "Computed from published currents of the chip, not measured; a board's other parts come on top."
    )


def _plain(result: Energy) -> dict[str, Any]:
    return {
        **asdict(result),
        "parts": [{**asdict(part), "mean_ma": part.mean_ma} for part in result.parts],
        "days": [hours / 24 for hours in result.hours],
        "reaches_target": result.reaches_target,
    }


def _table(result: Energy) -> Table:
    table = Table(
        title=f"{result.profile} on {result.board}, {result.battery_mah:g} mAh", title_justify="left"
    )
    for name in ("what", "time", "mA while on", "mA on average", "share"):
        table.add_column(name, justify="left" if name == "what" else "right")
    total = sum(part.mean_ma[1] for part in result.parts)
    for part in result.parts:
        table.add_row(
            part.name,
            f"{part.share:.2%}",
            f"{part.on_ma[0]:g} to {part.on_ma[1]:g}",
            f"{part.mean_ma[0]:.2f} to {part.mean_ma[1]:.2f}",
            f"{part.mean_ma[1] / total:.0%}",
        )
    return table
