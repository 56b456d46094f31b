"""Who may import whom, as CONTRIBUTING.md says; and that nothing local or private got in."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What both runtimes have, or what cx.compat finds out about.
CORE = {
    "array",
    "gc",
    "struct",
    "hashlib",
    "binascii",
    "json",
    "micropython",
    "cryptolib",
    "uctypes",
    "sys",
    "typing",
}
MICROPYTHON = {
    "array",
    "asyncio",
    "binascii",
    "bluetooth",
    "errno",
    "esp32",
    "framebuf",
    "gc",
    "hashlib",
    "io",
    "json",
    "machine",
    "micropython",
    "network",
    "os",
    "select",
    "socket",
    "struct",
    "sys",
    "time",
    "tls",
    "vfs",
}


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path, with_type_checking: bool = False) -> set[str]:
    """Return the top-level names of a file's imports, those under TYPE_CHECKING left out."""
    names = set()
    tree = ast.parse(path.read_text())
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not with_type_checking:
            skipped |= {id(child) for child in ast.walk(node)}
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("path", sources("lib"), ids=lambda path: path.name)
def test_the_core_imports_itself_and_what_both_runtimes_have(path):
    assert imports(path) <= CORE | {"cx"}


@pytest.mark.parametrize("path", sources("firmware"), ids=lambda path: path.name)
def test_the_firmware_imports_the_core_and_micropython(path):
    allowed = MICROPYTHON | {"cx", "badge"} | ({"board"} if path.name == "main.py" else set())
    assert imports(path) <= allowed


@pytest.mark.parametrize(
    "path", sorted((ROOT / "boards").glob("*/board.py")), ids=lambda path: path.parent.name
)
def test_a_board_imports_machine_and_drivers(path):
    assert imports(path) <= {"sys", "machine", "badge", "TYPE_CHECKING"} | (
        {"simconsole"} if path.parent.name == "sim" else set()
    )


@pytest.mark.parametrize("path", sources("host"), ids=lambda path: path.name)
def test_the_host_does_not_import_the_firmware(path):
    assert not imports(path, with_type_checking=True) & {"badge", "board", "host_tests"}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.splitlines()]


def test_no_paths_of_a_machine_and_no_registry_hosts():
    found = []
    forbidden = re.compile(r"/(home|root|work|Users)/\w|(pypi|pythonhosted|npmjs|debian)\.org")
    for path in tracked():
        if path.suffix in {".py", ".md", ".toml", ".lock", ".json", ".yml"} or path.name in {
            "Makefile",
            "run",
        }:
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                if forbidden.search(line) and path != Path(__file__):
                    found.append(f"{path.relative_to(ROOT)}:{number}")
    assert not found


def test_modules_stay_short():
    long = [
        path.name
        for folder in ("lib", "firmware", "host", "boards")
        for path in sources(folder)
        if len(path.read_text().splitlines()) > 400
    ]
    assert not long
