"""The interpreter's own asyncio in virtual time, on this project's task queue."""

import textwrap

HEAD = """
import asyncio, time
def at():
    return time.ticks_ms() // 100 / 10
async def pause(seconds):
    await asyncio.sleep(seconds)
"""


def run(printed, source: str, **options) -> list[str]:
    return printed(HEAD + textwrap.dedent(source) + "\nasyncio.run(main())\n", **options)


def test_gather_and_results(printed):
    source = """
    async def work(seconds):
        await asyncio.sleep(seconds)
        print(seconds, at())
        return seconds * 10
    async def main():
        print(await asyncio.gather(work(3), work(1), work(2)))
        task = asyncio.create_task(work(1))
        print(await task, task.done(), at())
    """
    assert run(printed, source) == ["1 1.0", "2 2.0", "3 3.0", "[30, 10, 20]", "1 4.0", "10 True 4.0"]


def test_tasks_of_one_time_run_in_the_order_they_came(printed):
    source = """
    async def work(name):
        for _ in range(2):
            print(name)
            await asyncio.sleep(1)
    async def main():
        await asyncio.gather(*(work(name) for name in "abc"))
    """
    assert run(printed, source) == list("abcabc")


def test_wait_for_and_cancel(printed):
    source = """
    async def long():
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            print("cancelled", at())
            raise
    async def main():
        try:
            await asyncio.wait_for(long(), 2)
        except asyncio.TimeoutError:
            print("timeout", at())
        print(await asyncio.wait_for_ms(pause(1), 5000), at())
        task = asyncio.create_task(long())
        await asyncio.sleep(1)
        print(task.cancel(), task.done())
        try:
            await task
        except asyncio.CancelledError:
            print("seen", task.done(), task.cancel())
    """
    assert run(printed, source) == [
        "cancelled 2.0",
        "timeout 2.0",
        "None 3.0",
        "True False",
        "cancelled 4.0",
        "seen True False",
    ]


def test_cancelling_a_waiter_cancels_what_it_waits_for(printed):
    source = """
    async def inner():
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            print("inner")
            raise
    async def outer():
        await asyncio.create_task(inner())
    async def main():
        task = asyncio.create_task(outer())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.sleep(1)
        print(task.done(), at())
    """
    assert run(printed, source) == ["inner", "True 2.0"]


def test_event_and_lock(printed):
    source = """
    async def waiter(name, event, lock):
        await event.wait()
        async with lock:
            print(name, at())
            await asyncio.sleep(1)
    async def main():
        event, lock = asyncio.Event(), asyncio.Lock()
        tasks = [asyncio.create_task(waiter(name, event, lock)) for name in "ab"]
        stuck = asyncio.create_task(waiter("c", event, lock))
        await asyncio.sleep(2)
        stuck.cancel()
        event.set()
        for task in tasks:
            await task
        print(lock.locked(), event.is_set(), at())
    """
    assert run(printed, source) == ["a 2.0", "b 3.0", "False True 4.0"]


def test_errors_reach_who_waits(printed):
    source = """
    async def bad():
        await asyncio.sleep(1)
        raise ValueError("mine")
    async def main():
        try:
            await asyncio.gather(bad(), pause(3))
        except ValueError as error:
            print(error, at())
        print(await asyncio.gather(bad(), return_exceptions=True))
    """
    assert run(printed, source) == ["mine 1.0", "[ValueError('mine',)]"]


def test_a_flag_set_by_an_interrupt_wakes_a_task(bench):
    made = bench(
        HEAD
        + """
import board
flag = asyncio.ThreadSafeFlag()
board.button().irq(lambda pin: flag.set(), 2)
async def main():
    for _ in range(2):
        await flag.wait()
        print("pressed", at())
    try:
        await asyncio.wait_for(flag.wait(), 5)
    except asyncio.TimeoutError:
        print("nobody", at())
asyncio.run(main())
"""
    )
    badge = made.sim.add_badge("A")
    made.sim.run_for(10.5)
    for _ in range(2):
        badge.press_button()
        made.sim.run_for(10)
    assert made.lines(badge) == ["pressed 10.0", "pressed 20.0", "nobody 25.0"]


def test_work_that_only_yields_lets_time_pass(printed):
    source = """
    async def main():
        start = time.ticks_ms()
        for _ in range(1000):
            await asyncio.sleep_ms(0)
        print(50 <= time.ticks_diff(time.ticks_ms(), start) <= 1000)
    """
    assert run(printed, source) == ["True"]
