"""The local stack for a test run, in a folder of its own, gone at the end."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deploy.local.home import Home
from deploy.local.kafka import Kafka
from deploy.local.postgres import Postgres, remove_place
from deploy.local.stack import Stack
from deploy.local.valkey import Valkey
from tests.support.stack import Servers

# What was written survives the end of a process all the same; not the machine's.
_QUICK: Final = {"fsync": "off", "full_page_writes": "off"}


@contextmanager
def local_servers() -> Iterator[Servers]:
    folder = Path(tempfile.mkdtemp(prefix="leadstream-tests-"))
    try:
        home = Home(folder)
        with Stack(home, servers=[Kafka(home), Postgres(home, _QUICK), Valkey(home)]) as stack:
            env = stack.env()
            yield Servers(
                env["LEADSTREAM_KAFKA_BOOTSTRAP"], env["LEADSTREAM_POSTGRES_DSN"], env["LEADSTREAM_REDIS_URL"], "local"
            )
    finally:
        remove_place(Home(folder))  # as root, the database lives outside the folder
        shutil.rmtree(folder, ignore_errors=True)
