"""The tasks of one assignment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from shared.errors import BudstikkeError, Fatal
from shared.tasks import end

_CLEAN_UP = 6.0


def describe(error: BaseException) -> str:
    """An error for logs and probes. Only ours are known to quote nothing; of others the type has to do."""
    return str(error) if isinstance(error, BudstikkeError) else type(error).__name__


class Workers:
    """Tasks that end together. An error in one of them is reported at once, and does not stop the others."""

    def __init__(self, on_error: Callable[[Exception], None]) -> None:
        self._on_error = on_error
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[object, object, None]) -> None:
        """Run it."""
        task = asyncio.create_task(self._watch(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self, deadline: float) -> None:
        """Wait for all of them for at most `deadline` seconds, then cancel the late ones and wait for their end.

        They get some time to clean up before they are cancelled again: a transaction wants to be aborted.
        """
        tasks = set(self._tasks)
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=max(deadline, 0.0))
        if late:
            for task in late:
                task.cancel()
            _, late = await asyncio.wait(late, timeout=_CLEAN_UP)
        await end(*late)

    async def _watch(self, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Nobody cancelled us: something that was awaited was cancelled, and the work would end without a word.
            self._on_error(Fatal("kafka_work_cancelled", f"cancelled from inside: {type(error).__name__}"))
        except Exception as error:
            self._on_error(error)
