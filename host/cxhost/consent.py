"""What a badge asks its owner for, in words, and what its light shows meanwhile."""

from __future__ import annotations

# What badge/ui.py knows by these names: what it means, and how many short flashes the light shows.
_KINDS = {
    "clock": ("set the badge's date", 1),
    "alerts": ("show the badge's alerts to this computer", 2),
    "publisher": ("trust a health authority, or a change of one", 3),
    "removal": ("no longer trust a health authority", 4),
    "settings": ("change the badge's settings", 5),
    "report": ("give away the badge's seeds to a health authority", 1),
    "wipe": ("erase everything on the badge", 2),
}
_HELD = ("report", "wipe")
_PRESS_MS = 200
_HOLD_MS = 3_300


def press_ms(kind: str) -> int:
    """Return for how many milliseconds the button must be pressed to agree to ``kind``."""
    return _HOLD_MS if kind in _HELD else _PRESS_MS


def question(kind: str, seconds: int) -> str:
    """Return what to tell an owner whose badge waits for the button, for ``seconds``."""
    if kind not in _KINDS:
        return f"Press the badge's button within {seconds} s to agree."
    meaning, count = _KINDS[kind]
    flashes = f"{count} short flash{'es' * (count > 1)}"
    if kind in _HELD:
        how, light = (
            "hold the badge's button for three seconds, until the light stays on,",
            f"a long and {flashes}",
        )
    else:
        how, light = "press the badge's button briefly", flashes
    return (
        f"To {meaning}: {how} within {seconds} s. Its light shows {light}, again and again; "
        "if it shows anything else, do not press."
    )
