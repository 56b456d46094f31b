"""``_asyncio`` in Python: what the frozen ``asyncio.core`` builds on, by the badge's clock.

The interpreter's own ``_asyncio`` reads the computer's clock inside C. ``asyncio.core`` needs of it: a
``TaskQueue`` ordered by ``ph_key`` (milliseconds that wrap) and a ``Task`` that can be awaited and cancelled.
Tasks of the same time run in the order they were pushed.
"""

from fake_time import ticks_diff, ticks_ms

TYPE_CHECKING = False  # MicroPython has no typing; checkers take this name for true
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any


class TaskQueue:
    """Tasks by the time at which they want to run.

    A badge has about ten, so a sorted list is the fast way.
    """

    def __init__(self) -> None:
        self._tasks = []

    def peek(self) -> "Task | None":
        """Return the next task or None."""
        return self._tasks[0] if self._tasks else None

    def push(self, task: "Task", key: "int | None" = None) -> None:
        """Add ``task``, to run at ``key`` (``ticks_ms``; now if not given)."""
        task.data = None
        if key is None:
            key = ticks_ms()
        task.ph_key = key
        tasks = self._tasks
        at = len(tasks)
        while at and ticks_diff(tasks[at - 1].ph_key, key) > 0:
            at -= 1
        tasks.insert(at, task)

    def pop(self) -> "Task":
        """Take the next task off; IndexError if there is none."""
        return self._tasks.pop(0)

    def remove(self, task: "Task") -> None:
        """Take ``task`` off, wherever it is."""
        self._tasks.remove(task)


class Task:
    """A coroutine on its way. ``state``.

    True running, a TaskQueue or callable awaited, None or False done.
    """

    _core: dict = None  # type: ignore[assignment]  # the globals of asyncio.core: cur_task, _task_queue, CancelledError

    def __init__(self, coro: "Generator", core: "dict | None" = None) -> None:
        if core is not None:
            Task._core = core
        self.coro = coro
        self.data: "Any" = None
        self.state: "Any" = True
        self.ph_key = 0

    def __iter__(self) -> "Task":
        if not self.state:
            self.state = False  # somebody has seen the end of it
        elif self.state is True:
            self.state = TaskQueue()
        elif not isinstance(self.state, TaskQueue):
            raise RuntimeError("can't wait")
        return self

    def __next__(self) -> None:
        if not self.state:
            raise self.data
        waiting = Task._core["cur_task"]
        self.state.push(waiting)
        waiting.data = self

    def done(self) -> bool:
        """Return whether the coroutine has ended."""
        return not self.state

    def cancel(self) -> bool:
        """Have CancelledError raised in the task, or in what it waits for; return False if it has ended."""
        if not self.state:
            return False
        core = Task._core
        if self is core["cur_task"]:
            raise RuntimeError("can't cancel self")
        task = self
        while isinstance(task.data, Task):
            task = task.data
        queue = core["_task_queue"]
        if hasattr(task.data, "remove"):  # it waits in a Lock, an Event or for a stream
            task.data.remove(task)
            queue.push(task)
        elif ticks_diff(task.ph_key, ticks_ms()) > 0:
            queue.remove(task)
            queue.push(task)
        task.data = core["CancelledError"]
        return True
