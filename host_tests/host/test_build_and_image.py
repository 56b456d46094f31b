"""Bytecode and file system images: only what changed is compiled, and littlefs reads what was written."""

from __future__ import annotations

import dataclasses

import pytest
from littlefs import LittleFS

from cxhost.boards import BoardError, board_names, load_board
from cxhost.build import BuildError, application_sources, build, build_files, built_files
from cxhost.image import Filesystem, ImageError, application, make_image, update_image


@pytest.fixture
def board():
    return load_board("sim")


def test_boards_name_what_is_wrong():
    assert set(board_names()) >= {"sim", "ESP32_GENERIC"}
    with pytest.raises(BoardError, match=r"no board named '\.\./x'; there are: ESP32_GENERIC, "):
        load_board("../x")


@pytest.mark.parametrize("name", board_names())
def test_the_application_compiles_for_every_board(name, tmp_path):
    board = load_board(name)
    out = build(board, out=tmp_path / "out")
    files = set(built_files(out))
    assert files == set(application_sources(board))
    assert {"board.json", "board.py", "boot.py", "main.py", "lib/cx/generator.mpy", "badge/app.mpy"} <= files
    # "M", version 6: what MicroPython 1.23 and later load
    assert all((out / path).read_bytes()[:2] == b"M\x06" for path in files if path.endswith(".mpy"))


def test_only_what_changed_is_compiled_and_nothing_old_is_left(tmp_path):
    sources = {f"lib/{name}.mpy": tmp_path / f"{name}.py" for name in "abc"}
    for path in sources.values():
        path.write_text("x = 1\n")
    out = build_files(sources, "host", tmp_path / "out")
    stamps = {name: (out / name).stat().st_mtime_ns for name in sources}
    (tmp_path / "b.py").write_text("x = 2\n")
    del sources["lib/c.mpy"]
    build_files(sources, "host", out)
    assert list(built_files(out)) == ["lib/a.mpy", "lib/b.mpy"]
    assert (out / "lib/a.mpy").stat().st_mtime_ns == stamps["lib/a.mpy"]
    assert (out / "lib/b.mpy").stat().st_mtime_ns != stamps["lib/b.mpy"]
    (out / "lib/a.mpy").unlink()
    build_files(sources, "host", out)
    assert (out / "lib/a.mpy").exists()


def test_a_build_does_not_depend_on_where_it_was_made(tmp_path):
    made = []
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text("def f():\n    raise ValueError\n")
        out = build_files({"a.mpy": tmp_path / folder / "a.py"}, "host", tmp_path / folder / "out")
        made.append((out / "a.mpy").read_bytes())
    assert made[0] == made[1]


def test_a_source_that_does_not_compile_is_named(tmp_path):
    (tmp_path / "bad.py").write_text("x = 1\ndef (:\n")
    with pytest.raises(BuildError, match=r"(?s)bad\.py.*line 2.*SyntaxError"):
        build_files({"bad.mpy": tmp_path / "bad.py"}, "host", tmp_path / "out")
    assert not (tmp_path / "out" / "bad.mpy").exists()


def test_an_image_is_what_micropython_mounts(board, tmp_path):
    files = {"main.py": b"print(1)\n", "lib/cx/a.mpy": bytes(5000), "badge/drivers/b.mpy": b"b"}
    path = tmp_path / "flash.img"
    make_image(board, files, path)
    image = path.read_bytes()
    assert len(image) == 2 * 1024 * 1024
    # The library's own way to read it, with nothing said but the block size.
    other = LittleFS(block_size=4096, block_count=512, mount=False)
    other.context.buffer = bytearray(image)
    other.mount()
    assert other.fs_stat().disk_version == 0x00020000
    for name, content in files.items():
        with other.open("/" + name, "rb") as stream:
            assert stream.read() == content


def test_an_update_leaves_the_badge_s_data_alone(board, tmp_path):
    path = tmp_path / "flash.img"
    make_image(board, {"main.py": b"1", "lib/cx/a.mpy": b"a", "lib/cx/old.mpy": b"o"}, path)
    filesystem = Filesystem(board, path.read_bytes())
    filesystem.write("/data/seeds/0", b"secret")
    filesystem.save(path)
    files = {"main.py": b"1", "lib/cx/a.mpy": b"A", "badge/new.mpy": b"n"}
    assert sorted(update_image(board, files, path)) == ["badge/new.mpy", "lib/cx/a.mpy", "lib/cx/old.mpy"]
    assert Filesystem(board, path.read_bytes()).files() == {
        "/main.py": 1,
        "/lib/cx/a.mpy": 1,
        "/badge/new.mpy": 1,
        "/data/seeds/0": 6,
    }
    before = path.stat().st_mtime_ns
    assert update_image(board, files, path) == []
    assert path.stat().st_mtime_ns == before


def test_an_image_of_another_size_is_refused(board):
    with pytest.raises(ImageError, match="has 2097152 bytes, not 10"):
        Filesystem(board, bytes(10))
    small = dataclasses.replace(board, block_count=16)
    with pytest.raises(ImageError, match="NOSPC"):
        Filesystem(small).write("/big", bytes(100_000))


def test_application_reads_a_build_folder(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.mpy").write_bytes(b"a")
    (tmp_path / ".build.json").write_text("{}")
    assert application(tmp_path) == {"lib/a.mpy": b"a"}
