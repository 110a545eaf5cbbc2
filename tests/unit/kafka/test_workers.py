"""Background work that ends is noticed, however it ends, and what is cut off may clean up."""

from __future__ import annotations

import asyncio

from shared.errors import Fatal, TryLater
from shared.kafka.workers import Workers, describe
from tests.support import wait_until


async def test_an_error_is_reported_once_and_leaves_the_others_alone() -> None:
    errors: list[Exception] = []
    workers, go, done = Workers(errors.append), asyncio.Event(), []

    async def fail() -> None:
        raise KeyError

    async def wait() -> None:
        await go.wait()
        done.append(True)

    workers.start(fail())
    workers.start(wait())
    await wait_until(lambda: bool(errors))
    go.set()
    await workers.finish(5.0)
    assert [type(error) for error in errors] == [KeyError]
    assert done == [True]


async def test_work_that_dies_of_a_cancellation_from_inside_does_not_die_in_silence() -> None:
    errors: list[Exception] = []
    workers = Workers(errors.append)

    async def await_something_cancelled() -> None:
        something = asyncio.get_running_loop().create_future()
        something.cancel()
        await something

    workers.start(await_something_cancelled())
    await wait_until(lambda: bool(errors))
    assert isinstance(errors[0], Fatal)


async def test_late_work_is_cancelled_and_may_clean_up_and_that_is_no_error() -> None:
    errors: list[Exception] = []
    workers, story = Workers(errors.append), []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.2)  # longer than the pause after which a stubborn task is cancelled again
            story.append("clean")

    workers.start(work())
    await asyncio.sleep(0)
    await workers.finish(0.0)
    assert story == ["clean"]
    assert errors == []


async def test_finishing_nothing_is_nothing() -> None:
    await Workers(lambda error: None).finish(5.0)


def test_only_errors_of_ours_are_quoted() -> None:
    assert describe(TryLater("code", "detail")) == "code: detail"
    assert describe(ValueError("the secret text")) == "ValueError"
