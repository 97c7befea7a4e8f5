"""A disk of a few MiB that can be filled and freed: a tmpfs of the fault's own, which only root can make."""

import asyncio
import contextlib
import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from deploy.local.postgres import unprivileged_account
from tests.chaos.fault import NotRun

_BALLAST = "ballast"
_BLOCK = bytes(1 << 16)


class SmallDisk:
    """The mounted folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> int:
        """Fill it to the last byte; how many that took."""
        written = 0
        with (self.folder / _BALLAST).open("ab", buffering=0) as ballast:
            for size in (len(_BLOCK), 1):
                with contextlib.suppress(OSError):
                    while True:
                        written += ballast.write(_BLOCK[:size])
        return written

    def is_full(self) -> bool:
        """Whether not one byte more can be written."""
        try:
            with (self.folder / "probe").open("wb", buffering=0) as probe:
                probe.write(b"x")
        except OSError as error:
            return error.errno == errno.ENOSPC
        finally:
            (self.folder / "probe").unlink(missing_ok=True)
        return False

    def free(self) -> None:
        """Give back what `fill` took."""
        (self.folder / _BALLAST).unlink(missing_ok=True)


@asynccontextmanager
async def small_disk(mebibytes: int) -> AsyncIterator[SmallDisk]:
    """A disk of this size that Postgres's account may write to. Raises NotRun where it cannot be mounted."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="leadstream-chaos-disk-", dir="/var/tmp"))
    try:
        _mount(folder, mebibytes)
        try:
            yield SmallDisk(folder)
        finally:
            await asyncio.to_thread(subprocess.run, ["umount", "-l", str(folder)], check=False)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _mount(folder: Path, mebibytes: int) -> None:
    if os.geteuid() != 0:
        raise NotRun("only root can mount a small disk")
    account = unprivileged_account()
    options = f"size={mebibytes}m,mode=755,uid={account.user},gid={account.group}"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotRun(f"a small disk cannot be mounted here: {done.stderr.strip()}")
