"""The local stack for a test run, in a folder of its own, gone at the end."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.home import Home
from deploy.local.postgres import remove_place
from deploy.local.stack import Stack
from tests.support.stack import Servers


@contextmanager
def local_servers() -> Iterator[Servers]:
    folder = Path(tempfile.mkdtemp(prefix="leadstream-tests-"))
    try:
        with Stack(Home(folder)) as stack:
            env = stack.env()
            yield Servers(
                env["LEADSTREAM_KAFKA_BOOTSTRAP"], env["LEADSTREAM_POSTGRES_DSN"], env["LEADSTREAM_REDIS_URL"], "local"
            )
    finally:
        remove_place(Home(folder))  # as root, the database lives outside the folder
        shutil.rmtree(folder, ignore_errors=True)
