"""Samples where a Python process spends its CPU; loaded by itself where this folder is in `PYTHONPATH`.

Every 2 ms of CPU the stack is noted, from SIGUSR1 on (first) until SIGUSR1 (second). Then `$SAMPLES/<pid>` holds one
line per function: samples in which it ran itself, samples in which it was on the stack, its name. What C code does is
counted to who called it; what the event loop does, to whom it calls next.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType

_SECONDS = 0.002

_self: Counter[CodeType] = Counter()
_total: Counter[CodeType] = Counter()


def _sample(_: int, frame: FrameType | None) -> None:
    if frame is not None:
        _self[frame.f_code] += 1
    seen = set()
    while frame is not None:
        seen.add(frame.f_code)
        frame = frame.f_back
    _total.update(seen)


def _toggle(_: int, __: FrameType | None) -> None:
    if signal.getitimer(signal.ITIMER_PROF)[0]:
        signal.setitimer(signal.ITIMER_PROF, 0)
        lines = [
            f"{_self[code]} {count} {code.co_filename}:{code.co_firstlineno} {code.co_qualname}"
            for code, count in _total.most_common()
        ]
        draft = Path(os.environ["SAMPLES"]) / f".{os.getpid()}"
        draft.write_text("\n".join(lines))
        draft.replace(draft.with_name(str(os.getpid())))
    else:
        signal.setitimer(signal.ITIMER_PROF, _SECONDS, _SECONDS)


if "SAMPLES" in os.environ:
    signal.signal(signal.SIGPROF, _sample)
    signal.signal(signal.SIGUSR1, _toggle)
