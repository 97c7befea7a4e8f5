"""Where a worker's CPU goes: its own stack, noted a thousand times a CPU second, as text to look at."""

import os
import signal
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from typing import Final, TypeAlias

SAMPLES_VARIABLE: Final = "LEADSTREAM_BENCH_SAMPLES"
_EVERY_CPU_S: Final = 0.001
_DEPTH: Final = 60
_Line: TypeAlias = tuple[CodeType, int | None]


class Sampler:
    """Counts lines: by themselves, and with what they call."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own: Counter[_Line] = Counter()
        self._under: Counter[_Line] = Counter()
        self._samples = 0

    @classmethod
    def from_environment(cls) -> "Sampler | None":
        named = os.environ.get(SAMPLES_VARIABLE)
        return cls(Path(named)) if named else None

    def start(self) -> None:
        signal.signal(signal.SIGPROF, self._note)
        signal.setitimer(signal.ITIMER_PROF, _EVERY_CPU_S, _EVERY_CPU_S)

    def toggle(self) -> None:
        """Start, or stop where it was started."""
        if signal.getitimer(signal.ITIMER_PROF)[1]:
            self.stop()
        else:
            self.start()

    def stop(self) -> None:
        """Stop, and write both tables in per cent of the samples."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        lines = [f"{self._samples} samples"]
        for title, counter in (("by themselves", self._own), ("with what they call", self._under)):
            lines += ["", title]
            lines += [
                f"{100 * n / max(1, self._samples):6.2f} %  {_place(line)}" for line, n in counter.most_common(120)
            ]
        self._path.write_text("\n".join(lines) + "\n")

    def _note(self, _signal: int, frame: FrameType | None) -> None:
        self._samples += 1
        if frame is not None:
            self._own[(frame.f_code, frame.f_lineno)] += 1
        seen: set[_Line] = set()
        depth = 0
        while frame is not None and depth < _DEPTH:
            seen.add((frame.f_code, frame.f_lineno))
            frame, depth = frame.f_back, depth + 1
        self._under.update(seen)


def _place(line: _Line) -> str:
    code, number = line
    return f"{'/'.join(Path(code.co_filename).parts[-3:])}:{number} {code.co_name}"
