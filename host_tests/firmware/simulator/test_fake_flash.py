"""What a simulated badge keeps, and what it loses with its battery."""

import pytest

from cxhost.boards import load_board
from cxhost.image import Filesystem

NVS = """
import esp32, time
def attempt(call, *arguments):
    try:
        print(call(*arguments))
    except Exception as error:
        print(type(error).__name__, *error.args)
nvs = esp32.NVS("cx")
"""


def test_nvs_errors_are_those_of_the_port(printed):
    source = """
attempt(nvs.get_i32, "none")
attempt(nvs.erase_key, "none")
attempt(nvs.set_i32, "a" * 16, 1)
attempt(nvs.set_i32, "big", 1 << 31)
nvs.set_i32("n", -5)
nvs.set_blob("b", b"12345")
attempt(nvs.get_i32, "n")
attempt(nvs.get_i32, "b")
attempt(nvs.get_blob, "b", bytearray(4))
buffer = bytearray(8)
attempt(nvs.get_blob, "b", buffer)
print(bytes(buffer))
attempt(nvs.set_blob, "c", bytes(21000))
attempt(esp32.NVS, "n" * 16)
attempt(esp32.NVS("other").get_i32, "n")
"""
    not_found = "OSError -4354 ESP_ERR_NVS_NOT_FOUND"
    assert printed(NVS + source) == [
        not_found,
        not_found,
        "OSError -4361 ESP_ERR_NVS_KEY_TOO_LONG",
        "OverflowError overflow converting long int to machine word",
        "-5",
        "OSError -4355 ESP_ERR_NVS_TYPE_MISMATCH",
        "OSError -4364 ESP_ERR_NVS_INVALID_LENGTH",
        "5",
        "b'12345\\x00\\x00\\x00'",
        "OSError -4357 ESP_ERR_NVS_NOT_ENOUGH_SPACE",
        "OSError -4361 ESP_ERR_NVS_KEY_TOO_LONG",
        not_found,
    ]


def test_nvs_keeps_what_was_committed_and_loses_the_rest(bench):
    made = bench(
        NVS
        + """
attempt(nvs.get_i32, "kept")
attempt(nvs.get_i32, "lost")
attempt(esp32.NVS("other").get_i32, "theirs")
nvs.set_i32("kept", 7)
nvs.commit()
nvs.set_i32("lost", 8)
esp32.NVS("other").set_i32("theirs", 9)
nvs.commit()
nvs.set_i32("kept", 70)
"""
    )
    badge = made.sim.add_badge("A")
    made.sim.run_for(2)
    badge.power_off()
    badge.power_on()
    made.sim.run_for(2)
    missing = "OSError -4354 ESP_ERR_NVS_NOT_FOUND"
    assert made.lines(badge) == [missing, missing, missing, "7", "8", missing]


def test_files_are_durable_at_close_and_on_the_same_littlefs(bench):
    made = bench(
        """
import os
print(sorted(os.listdir("/")), "data" in os.listdir("/") and open("/data/closed").read())
if "data" not in os.listdir("/"):
    os.mkdir("/data")
    with open("/data/closed", "w") as stream:
        stream.write("kept")
    pending = open("/data/open", "w")
    pending.write("lost")
"""
    )
    badge = made.sim.add_badge("A")
    made.sim.run_for(2)
    badge.power_off()
    files = Filesystem(load_board("sim"), badge.flash_path.read_bytes())
    assert files.read("/data/closed") == b"kept"
    assert files.files("/data").get("/data/open", 0) == 0
    badge.power_on()
    made.sim.run_for(2)
    assert made.lines(badge) == ["['board.py', 'main.py'] False", "['board.py', 'data', 'main.py'] kept"]


@pytest.mark.parametrize("writes", range(0, 40, 3))
def test_a_rename_is_whole_wherever_the_battery_goes(bench, writes):
    made = bench(
        """
import os
if "state" not in os.listdir("/"):
    with open("/state", "w") as stream:
        stream.write("old" * 1000)
else:
    print(open("/state").read()[:3], os.stat("/state")[6])
    with open("/state.new", "w") as stream:
        stream.write("new" * 1000)
    os.rename("/state.new", "/state")
    print("renamed")
"""
    )
    badge = made.sim.add_badge("A")
    made.sim.run_for(2)
    badge.power_off()
    badge.cut_power_after(writes)
    badge.power_on()
    made.sim.run_for(2)
    done = "renamed" in made.lines(badge)
    assert badge.powered is done
    badge.power_off()
    content = Filesystem(load_board("sim"), badge.flash_path.read_bytes()).read("/state")
    assert content in (b"old" * 1000, b"new" * 1000)
    assert not done or content == b"new" * 1000


def test_a_badge_comes_back_from_its_folder(bench):
    source = "import os\nprint('mark' in os.listdir('/'))\nopen('/mark', 'w').close()"
    for expected in ("False", "True"):
        made = bench(source)
        badge = made.sim.add_badge("A")
        made.sim.run_for(2)
        assert made.lines(badge) == [expected]
        made.sim.close()


def test_one_folder_is_one_badge(bench):
    from cxhost.sim import SimulationError

    bench("").sim.add_badge("A")
    with pytest.raises(SimulationError, match="in use"):
        bench("").sim.add_badge("A")
