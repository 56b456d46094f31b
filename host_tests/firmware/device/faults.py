"""Damaged and full file systems: the badge starts, says what it lost, and goes on."""

import os

import checks
import parts
from parts import DATA


def patch(path, at, data):
    """Overwrite bytes of a file."""
    with open(path, "r+b") as stream:
        stream.seek(at)
        stream.write(data)


def segment(number=0):
    return DATA + "/log/%06d" % number


def fill(name="/junk"):
    """Leave no free block: files of one block, as littlefs keeps nothing of one that found no room."""
    taken = 0
    try:
        while True:
            with open(parts.ROOT + name + str(taken), "wb") as stream:
                stream.write(bytes(parts.BLOCK))
            taken += 1
    except OSError:
        pass
    assert not 1 < parts.free_blocks() < 1 << 31  # littlefs may count below zero


def check_a_damaged_batch_is_passed_over(case):
    for _ in range(3):
        case.meet(5)
    patch(segment(), 6 + 5 * 24 + 40, b"\xa5\x5a")
    case.start()
    assert case.held() == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]
    assert case.badge.log.summary()["damaged"] == 5 and case.badge.log.count == 10
    case.held()
    assert case.badge.log.summary()["damaged"] == 5
    case.meet(2)
    assert case.held()[-2:] == [15, 16] and "000001" in os.listdir(DATA + "/log")


def check_a_damaged_header_gives_up_what_follows(case):
    for _ in range(3):
        case.meet(5)
    patch(segment(), 6 + 5 * 24, b"\xff\xff")
    case.start()
    assert case.held() == [0, 1, 2, 3, 4]
    assert case.badge.log.summary()["damaged"] == 10
    case.meet()
    assert case.held() == [0, 1, 2, 3, 4, 15]


def check_every_byte_of_a_segment_may_be_wrong(case):
    case.meet(4)
    case.meet(4)
    with open(segment(), "rb") as stream:
        good = stream.read()
    for at in range(len(good)):
        patch(segment(), at, bytes([good[at] ^ 0x10]))
        found = [parts.number_of(one.contact_id) for one in case.badge.log.contacts()]
        assert found in ([], [0, 1, 2, 3], [4, 5, 6, 7]), (at, found)
        patch(segment(), at, good[at : at + 1])
    assert case.held() == list(range(8))


def check_a_truncated_segment(case):
    case.meet(4)
    case.meet(4)
    with open(segment(), "rb") as stream:
        good = stream.read()
    for length in range(len(good)):
        with open(segment(), "wb") as stream:
            stream.write(good[:length])
        found = [parts.number_of(one.contact_id) for one in case.badge.log.contacts()]
        assert found == ([0, 1, 2, 3] if length >= len(good) // 2 else []), (length, found)


def check_a_segment_of_another_version_expires_with_the_next(case):
    case.meet(4)
    patch(segment(), 0, b"\x09")
    case.start()
    assert case.held() == [] and case.badge.log.summary()["damaged"] > 0
    case.meet(4)
    case.wait(15 * checks.DAY_S)
    case.meet(1)
    case.badge.log.drop_expired()
    assert case.held() == [8] and os.listdir(DATA + "/log") == ["000002"]


def check_names_that_are_no_segments(case):
    case.meet(4)
    for name in ("x", "000007.new", "-1"):
        with open(DATA + "/log/" + name, "wb") as stream:
            stream.write(b"junk")
    case.start()
    case.meet(1)
    assert case.held() == [0, 1, 2, 3, 4]


def check_a_segment_that_is_missing_and_one_that_is_far_away(case):
    for _ in range(3):
        case.meet(4)
        case.wait(checks.DAY_S)
    os.remove(segment(1))
    case.start()
    assert case.held() == [0, 1, 2, 3, 8, 9, 10, 11] and case.badge.log.count == 8
    case.wait(12 * checks.DAY_S)
    case.badge.log.drop_expired()
    assert case.held() == [8, 9, 10, 11] and os.listdir(DATA + "/log") == ["000002"]
    os.rename(segment(2), segment(700000))
    with open(segment(0), "wb") as stream:
        stream.write(b"junk")
    case.start()
    case.meet(1)
    assert case.held() == [8, 9, 10, 11, 12] and sorted(os.listdir(DATA + "/log")) == ["700000", "700001"]


def check_damaged_state_files_are_named(case):
    case.badge.clock.set_unix(checks.NOON)
    case.meet(3)
    case.wait(600)
    size = os.stat(DATA + "/clock")[6]
    for at in range(size):
        with open(DATA + "/clock", "rb") as stream:
            good = stream.read()
        patch(DATA + "/clock", at, bytes([good[at] ^ 1]))
        case.start()
        assert case.badge.storage.lost == ["clock"]
        assert case.held() == [0, 1, 2] and case.badge.clock.unix() is None
        size = os.stat(DATA + "/clock")[6]


def check_a_damaged_clock_still_expires(case):
    case.badge.clock.set_unix(checks.NOON)
    case.meet(3)
    with open(DATA + "/clock", "wb") as stream:
        stream.write(b"\x01junk")
    case.start()
    case.wait(13 * checks.DAY_S)
    case.badge.log.drop_expired()
    assert case.held() == [0, 1, 2]
    case.wait(2 * checks.DAY_S)
    case.badge.log.drop_expired()
    assert case.held() == []


def check_state_files_of_another_version(case):
    case.badge.storage.save_json("alerts", [1])
    with open(DATA + "/alerts", "rb") as stream:
        data = bytearray(stream.read())
    data[0] = 9
    with open(DATA + "/alerts", "wb") as stream:
        stream.write(data)
    case.start()
    assert case.badge.storage.load_json("alerts", "none") == "none" and case.badge.storage.lost == ["alerts"]
    case.badge.storage.save_json("alerts", [2])
    assert case.start().storage.load_json("alerts", None) == [2]


def check_a_full_file_system_gives_up_the_oldest(case):
    for _ in range(60):
        case.meet(20)
    fill()
    case.start()
    for _ in range(3):
        case.meet(20)
    found, summary = case.held(), case.badge.log.summary()
    assert found[-20:] == list(range(case.next - 20, case.next)), summary
    assert summary["dropped"] > 0 and summary["damaged"] == 0
    assert len(found) == case.next - summary["dropped"] - summary["unwritten"]


def check_state_files_find_room_in_a_full_file_system(case):
    for _ in range(110):
        case.meet(20)
        case.wait(600)
    fill()
    dropped = case.badge.log.summary()["dropped"]
    for number in range(4):
        case.badge.storage.save_json("alerts", {"text": "x" * 3000, "number": number})
        case.badge.storage.save("other%d" % number, bytes(200))
    assert case.badge.storage.load_json("alerts", {})["number"] == 3 and case.badge.storage.lost == []
    summary = case.badge.log.summary()
    assert summary["dropped"] > dropped and case.held() and summary["damaged"] == 0, summary
    case.start()
    assert case.badge.storage.load_json("alerts", {})["number"] == 3


def check_a_full_file_system_without_a_log(case):
    fill()
    fill("/last")
    case.start()
    for _ in range(9):
        case.meet(32)
    summary = case.badge.log.summary()
    assert summary["unwritten"] > 0 and "log" in case.badge.storage.lost
    assert len(case.held()) == case.next - summary["dropped"] - summary["unwritten"]
    for name in range(9):
        os.remove(parts.ROOT + "/junk%d" % name)
    case.meet(5)
    assert case.held()[-5:] == list(range(case.next - 5, case.next))


def check_a_full_file_system_that_never_saw_the_badge(case):
    parts.unmount()
    parts.format_flash(case.nor)
    parts.mount(case.nor)
    fill()
    case.start()
    case.meet(5)
    assert case.badge.log.summary()["unwritten"] == 5


def check_the_filter_forgets_what_the_ring_dropped(case):
    for _ in range(150):
        case.meet(32)
        case.wait(60)
    assert case.badge.log.summary()["dropped"] > 0
    case.badge.rebuild()
    held = case.held()
    assert all(parts.contact_id(number) in case.badge.log.filter for number in held)
    case.start()
    assert case.held() == held and case.badge.log.count == len(held)


def check_overwriting_leaves_no_trace_of_what_was_dropped(case):
    import asyncio

    for _ in range(10):
        case.meet(32)
    mark = parts.contact_id(33)
    assert mark in bytes(case.nor.data)
    case.wait(15 * checks.DAY_S)
    case.badge.log.drop_expired()
    asyncio.run(case.badge.storage.overwrite_free(0))
    data = bytes(case.nor.data)
    left = sum(parts.contact_id(number) in data for number in range(320))
    assert left <= 170, left  # one block, the next to be taken, may be left
    assert parts.free_blocks() > 40


def check_overwriting_happens_once_a_day_and_erases_each_block_once(case):
    import asyncio

    for _ in range(61):  # three segments in a day, hours apart
        case.meet(32)
        case.wait(1400)
    assert len(os.listdir(DATA + "/log")) == 3
    log, runs = case.badge.log, []

    async def overwrite():
        before = list(case.nor.erases)
        await type(case.badge.storage).overwrite_free(Watched, 0)
        runs.append(max(case.nor.erases[at] - before[at] for at in range(len(before))))

    class Watched:
        _root = DATA
        path = case.badge.storage.path
        remove = case.badge.storage.remove
        _remove_filler = case.badge.storage._remove_filler

    case.badge.storage.overwrite_free = overwrite

    async def live():
        task = asyncio.create_task(log.run())
        for _ in range(18 * 24):
            case.wait(3600)
            log.drop_expired()
            for _ in range(40):
                await asyncio.sleep_ms(0)
        task.cancel()

    asyncio.run(live())
    assert log.count == 0 and len(runs) == 2, runs
    assert max(runs) <= 2, runs


def check_wiping_leaves_nothing(case):
    from badge import erasure

    case.badge.seeds.next_identifier()
    case.badge.clock.set_unix(checks.NOON)
    for _ in range(10):
        case.meet(32)
    with open(DATA + "/seeds/0", "rb") as stream:
        preseed = stream.read()[13:37]
    assert preseed in bytes(case.nor.data)
    erasure.erase_all(case.nvs, DATA)
    assert os.listdir(parts.ROOT) == [] and "position" not in case.nvs.state
    data = bytes(case.nor.data)
    assert preseed not in data
    assert sum(parts.contact_id(number) in data for number in range(320)) == 0
    case.start()
    assert case.held() == [] and case.badge.clock.unix() is None


checks.main(globals())
