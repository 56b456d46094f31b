"""A publication of any size within a few kilobytes: real MicroPython with the rest of its heap filled."""

import subprocess
from pathlib import Path

import pytest
from test_runtimes import ROOT, micropython

import documents as d

# The budget: 8 KiB on the badge, where pointers have half the size, and 16 bytes for each 16 KiB anywhere.
BUDGET_BYTES = 8192 * 7 // 4
SAMPLES = Path(__file__).parents[1] / "vectors" / "samples"


def seeds_within(spare: int, publication: Path, certificate: Path) -> str:
    program = str(Path(__file__).parent / "heap_limit.py")
    command = [micropython(), "-X", "heapsize=512k", program, str(ROOT / "lib"), str(publication)]
    run = subprocess.run(
        [*command, str(certificate), str(spare)], capture_output=True, text=True, check=False
    )
    return run.stdout


def test_three_megabytes(tmp_path):
    seeds = b"".join(index.to_bytes(24, "big") for index in range(125_000))
    document = d.cms(
        d.content([d.notification(5, 1, seeds[:1_200_000]), d.notification(4, 1, seeds[1_200_000:])])
    )
    (tmp_path / "publication").write_bytes(document)
    (tmp_path / "certificate").write_bytes(d.certificate())
    spare = BUDGET_BYTES + 16 * -(-len(document) // 16384)
    assert seeds_within(spare, tmp_path / "publication", tmp_path / "certificate") == "125000 True\n"
    assert seeds_within(4096, tmp_path / "publication", tmp_path / "certificate") == "not enough\n"


@pytest.mark.parametrize(
    ("name", "kind", "seeds"),
    [("publication_rsa2048_20000_seeds", "rsa2048", 20000), ("publication_p256_full", "p256", 6)],
)
def test_samples(tmp_path, name, kind, seeds):
    (tmp_path / "certificate").write_bytes(d.publisher_certificate(kind))
    path = SAMPLES / f"{name}.der"
    spare = BUDGET_BYTES + 16 * -(-path.stat().st_size // 16384)
    assert seeds_within(spare, path, tmp_path / "certificate") == f"{seeds} True\n"
