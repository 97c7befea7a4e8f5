"""Runs another module as a program, and samples where its CPU goes from one SIGUSR1 to the next."""

import os
import runpy
import signal
from typing import Final

from tests.benchmark.sampling import Sampler

SAMPLED_VARIABLE: Final = "LEADSTREAM_BENCH_SAMPLED"


def main() -> None:
    """The module is named in the environment."""
    sampler = Sampler.from_environment()
    if sampler is not None:
        signal.signal(signal.SIGUSR1, lambda _signal, _frame: sampler.toggle())
    runpy.run_module(os.environ[SAMPLED_VARIABLE], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
