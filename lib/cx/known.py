"""What the steps of matching and the badge share: names of files, and how far a run is.

The badge has this in RAM all the time, and ``cx.knownseeds`` only while a list is matched.
"""

from cx.compat import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO, Protocol

    class Files(Protocol):
        """A folder of files, which may be on flash."""

        def open(self, name: str, mode: str) -> "BinaryIO":
            """Open a file, whose content counts as written when it is closed."""
            ...

        def exists(self, name: str) -> bool:
            """Tell whether a file is there."""
            ...

        def remove(self, name: str) -> None:
            """Remove a file if it is there."""
            ...

        def rename(self, old: str, new: str) -> None:
            """Put ``old`` in the place of ``new`` in one step."""
            ...

        def save(self, name: str, payload: "bytes | bytearray") -> None:
            """Replace a file in one step."""
            ...

        def load(self, name: str) -> "bytearray | None":
            """Return what ``save`` was given; None when it is missing or damaged."""
            ...


# Folders: what was matched (and the files of a run), whom the owner met, what publishers say of thresholds.
KNOWN = "known"
MATCHES = "matches"
GUIDANCE = "guidance"
# Files of a run beside the known seeds: its place, contacts found, keys of new seeds, levels of seeds met
# before, and the set of known seeds that it makes.
PLACE = ".run"
FOUND = ".found"
FRESH = ".fresh"
LEVELS = ".levels"
NEXT = ".next"


class Progress:
    """How far a run is.

    ``seeds`` looked at of ``total``; ``new_seeds`` regenerated. Since this start of the badge, when ``start``
    seeds had been looked at: ``saves`` of the place, ``ids`` regenerated, ``log_passes`` over the log.
    """

    def __init__(self) -> None:
        self.seeds = self.start = self.total = self.new_seeds = self.saves = self.ids = self.log_passes = 0


def forget(files: "Files", publisher: str) -> None:
    """Forget which seeds of a publisher were matched, so that its next full list is matched as new."""
    files.remove(KNOWN + "/" + publisher)
    forget_run(files, publisher)


def forget_run(files: "Files", publisher: str) -> None:
    """Remove the files of a run, when its list is gone as well."""
    for ending in (PLACE, FOUND, FRESH, LEVELS, NEXT, NEXT + ".a", NEXT + ".b"):
        files.remove(KNOWN + "/" + publisher + ending)
