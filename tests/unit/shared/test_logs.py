from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
NUMBER = "+4790000001"
SETUP = f"""
import asyncio, logging
from shared.telemetry.logs import configure_logs, get_log
configure_logs("ingest", "api", "info")
log = get_log(component="door")
NUMBER = {NUMBER!r}
"""


def lines(script: str) -> list[dict[str, Any]]:
    """What a process that runs this logs, line by line; it must end well and say nothing else."""
    ended = subprocess.run(
        [sys.executable, "-c", SETUP + script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "9000" not in ended.stdout
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_a_line_is_one_json_object_with_the_event_and_its_fields() -> None:
    (line,) = lines("log.info('ready', components=['a', 'b'], seconds=1.5)")
    assert line.pop("at").endswith("Z")
    assert line == {
        "event": "ready",
        "level": "info",
        "service": "ingest",
        "role": "api",
        "component": "door",
        "components": ["a", "b"],
        "seconds": 1.5,
    }


def test_lines_below_the_level_are_left_out() -> None:
    assert lines("log.debug('detail')") == []


def test_an_exception_shows_its_type_and_place_and_never_its_message() -> None:
    script = """
def handle():
    raise ValueError(f"no route to {NUMBER}")

for logged in ("exception", "error"):
    try:
        handle()
    except ValueError as error:
        getattr(log, logged)("failed", **({} if logged == "exception" else {"exc_info": error}))
"""
    for line in lines(script):
        assert line["error_type"] == "ValueError"
        assert line["frames"][-1].endswith("handle")
        assert "exc_info" not in line


def test_an_exception_given_as_a_field_shows_its_type_alone() -> None:
    (line,) = lines("log.warning('failed', error=ValueError(NUMBER), errors=[KeyError(NUMBER)])")
    assert (line["error"], line["errors"]) == ("ValueError", ["KeyError"])


def test_what_a_library_says_of_its_data_is_not_printed() -> None:
    script = """
lib = logging.getLogger("lib")
lib.warning("no route to %s", NUMBER)
lib.warning("no route to %(to)s", {"to": NUMBER})
lib.warning(f"no route to {NUMBER}")
lib.error(ValueError(NUMBER))
lib.error("failed", exc_info=ValueError(NUMBER))
"""
    said = lines(script)
    assert [line["template"] for line in said] == ["no route to %s", "no route to %(to)s", None, None, None]
    for line in said:
        assert (line["event"], line["logger"]) == ("library", "lib")
        assert line["place"].startswith("<string>:")
        assert (line["service"], line["role"]) == ("ingest", "api")


def test_a_library_says_the_same_once_a_second_and_how_often_it_did_not() -> None:
    script = """
import time
began = time.time()
for seconds in (0.0, 0.2, 0.9, 1.1, 1.2, -5.0):
    time.time = lambda: began + seconds
    logging.getLogger("lib").warning("away %s", NUMBER)
"""
    assert [line.get("held_back") for line in lines(script)] == [None, 2, 1]


def test_errors_of_a_library_with_a_trace_are_all_told() -> None:
    script = """
for number in range(3):
    logging.getLogger("lib").error("failed", exc_info=ValueError(NUMBER))
"""
    assert [line["error_type"] for line in lines(script)] == ["ValueError"] * 3


def test_a_library_speaks_from_warning_on() -> None:
    assert lines("logging.getLogger('lib').info('hello %s', 1)") == []


def test_a_task_that_failed_unseen_shows_where_and_not_what() -> None:
    script = """
async def handle():
    raise ValueError(f"no route to {NUMBER}")

async def main():
    task = asyncio.create_task(handle())
    await asyncio.wait({task})
    del task

asyncio.run(main())
"""
    (line,) = lines(script)
    assert line["logger"] == "asyncio"
    assert line["error_type"] == "ValueError"
    assert line["frames"] == ["<string>:9 handle"]


def test_a_callback_that_failed_shows_where_and_not_its_arguments() -> None:
    script = """
def handle(number):
    raise ValueError(number)

async def main():
    asyncio.get_running_loop().call_soon(handle, NUMBER)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

asyncio.run(main())
"""
    (line,) = lines(script)
    assert line["error_type"] == "ValueError"
    assert line["frames"][-1].endswith("handle")
