"""The filter is made again in slices, while other tasks run, log and drop."""

import asyncio

import checks
import parts

SLICE = 64
BATCH = 32


class Counting:
    """The filter, with a count of what is added between two turns of another task."""

    def __init__(self, inner):
        self.inner = inner
        self.since = self.most = 0

    def add(self, contact_id):
        self.inner.add(contact_id)
        self.since += 1

    def clear(self):
        self.inner.clear()

    def __contains__(self, contact_id):
        return contact_id in self.inner

    def turn(self):
        self.most = max(self.most, self.since)
        self.since = 0


def rebuild(case, on_turn):
    """Rebuild beside a task that calls ``on_turn`` at each turn; return (turns, most in a slice)."""
    log = case.badge.log
    log.filter = counting = Counting(log.filter)
    turns = [0]

    async def other():
        while True:
            counting.turn()
            turns[0] += 1
            on_turn()
            await asyncio.sleep_ms(0)

    async def run():
        log.whole.clear()
        log._stale.set()
        tasks = [asyncio.create_task(log.run()), asyncio.create_task(other())]
        await log.whole.wait()
        async with log.lock:  # as the matching does: another rebuild may have begun
            for task in tasks:
                task.cancel()

    asyncio.run(run())
    return turns[0], counting.most


def judge(case):
    held = case.held()
    log = case.badge.log
    assert all(parts.contact_id(number) in log.filter for number in held)
    assert log.count == len(held), (log.count, len(held))
    return held


def check_slices_leave_turns_to_others(case):
    for _ in range(100):
        case.meet(BATCH)
    turns, most = rebuild(case, lambda: None)
    assert turns >= 3200 // SLICE and most < SLICE + BATCH, (turns, most)
    assert judge(case) == list(range(3200))


def check_what_is_logged_meanwhile_is_in_the_filter(case):
    for _ in range(40):
        case.meet(BATCH)
    turns, _ = rebuild(case, case.meet)
    assert turns >= 20 and judge(case) == list(range(1280 + turns))


def check_what_is_dropped_meanwhile_is_no_fault(case):
    for _ in range(124):
        case.meet(BATCH)
    rebuild(case, lambda: case.meet(BATCH))
    held = judge(case)
    assert held == list(range(held[0], case.next)) and held[0] > 500
    assert case.badge.log.summary()["damaged"] == 0


def check_what_expires_meanwhile_is_no_fault(case):
    for _ in range(4):
        case.meet(BATCH * 20)
        case.wait(checks.DAY_S)
    case.wait(11 * checks.DAY_S)

    def on_turn():
        case.badge.log.drop_expired()
        case.wait(3600)

    rebuild(case, on_turn)
    held = judge(case)
    assert 0 < held[0] <= 1920 and held[-1] == 2559


checks.main(globals())
