"""Becomes a child process that dies with its owner. Run as a file with `python -I -S`: standard library only.

    child.py --parent PID --signal NUMBER [--account UID:GID] -- /absolute/path arguments...

Asks the kernel (Linux) to send NUMBER when the thread that started it ends, gives up root for the account, and turns into the command by
exec, so that it costs no memory. Other systems rely on `watchdog.py` alone.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
CANNOT_BECOME = 126


def give_up_root(account: str) -> None:
    """Become `uid:gid` for good, without supplementary groups."""
    user, group = (int(part) for part in account.split(":"))
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)


def die_with_parent(parent: int, number: int) -> None:
    """Set after the change of account, because that clears it. The parent may have ended before: then end too."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(CANNOT_BECOME)


def main(arguments: list[str]) -> None:
    """Nothing may be imported once root is given up: the account may be unable to read the interpreter's own files."""
    split = arguments.index("--")
    options = dict(zip(arguments[:split:2], arguments[1:split:2], strict=True))
    command = arguments[split + 1 :]
    try:
        if "--account" in options:
            give_up_root(options["--account"])
        die_with_parent(int(options["--parent"]), int(options["--signal"]))
        os.execv(command[0], command)
    except OSError as error:
        sys.stderr.write(f"cannot start {command[0]}: {error.strerror}\n")
        sys.exit(CANNOT_BECOME)


if __name__ == "__main__":
    main(sys.argv[1:])
