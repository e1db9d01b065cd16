"""What the rows measure, each part set up when the first row needs it, and all of it gone when the run ends."""

import contextlib
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from functools import cached_property, cache
from pathlib import Path

from benches import populate
from benches.cloakroom import Server
from benches.peers import Yoga
from benches.populate import KIB, MIB, Filling, GroupFilling, write_content
from benches.postgres import Cluster
from benches.processes import Failure
from benches.store import Store

# See Settings.sample.
SAMPLES = {KIB: 2048, 32 * KIB: 256, MIB: 64, 10 * MIB: 8, 100 * MIB: 2}


@dataclass
class Settings:
    """What the command line says."""

    quick: bool = False
    rounds: int = 3
    seconds: int = 5
    profile: str = "release"
    parent: str | None = None
    # Changed settings of Cloakroom, by name without prefix: an experiment, noted in the results.
    changes: dict = field(default_factory=dict)

    @property
    def is_verdict(self):
        """Whether the figures may be held to the targets."""
        return not self.quick and self.profile == "release"

    @property
    def files(self):
        """Files in the database behind the downloads."""
        return 10_000 if self.quick else 100_000

    def sample(self, size):
        """How many different files of one size a load goes through, and so how many tickets. Small ones stay few
        enough that removing them again does not take longer than the measurement."""
        return min(SAMPLES[size], 256) if self.quick else SAMPLES[size]

    @property
    def table_sizes(self):
        """Rows of files, and of shares, in the databases that show how cost grows."""
        return [1_000, 100_000] if self.quick else [1_000, 10_000, 100_000, 1_000_000]

    @property
    def huge(self):
        """Bytes of the largest upload."""
        return 256 * MIB if self.quick else 1024 * MIB


class World:
    """A temporary directory, and the servers in it."""

    def __init__(self, root, settings):
        self.root = root
        self.settings = settings
        self.stack = contextlib.ExitStack()
        # A short path: sockets are below it, and theirs may have 107 bytes.
        self.directory = Path(tempfile.mkdtemp(prefix="cloakroom-bench.", dir=settings.parent))
        self.stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
        self.target = Path(os.environ.get("CARGO_TARGET_DIR", root / "target")).absolute()
        self.made = {}
        self.binary = self.target / settings.profile / "cloakroom"

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        say("Stopping and cleaning up")
        self.stack.close()

    def start(self, process):
        """Stops the process when the run ends."""
        self.stack.callback(process.stop)
        return process

    def once(self, name, make):
        """What `make()` returned the first time; a failure is remembered as well."""
        if name not in self.made:
            try:
                self.made[name] = make()
            except Failure as failure:
                self.made[name] = failure
        if isinstance(self.made[name], Failure):
            raise self.made[name]
        return self.made[name]

    def example(self, name):
        return self.target / self.settings.profile / "examples" / name

    @cached_property
    def shop(self):
        """Cloakroom behind nginx, on SQLite."""
        say(f"Setting up Cloakroom on SQLite with {self.settings.files:,} files")
        return Shop(self, "sqlite")

    @cached_property
    def postgres(self):
        say("Starting PostgreSQL")
        return Cluster(self)

    @cached_property
    def postgres_shop(self):
        """The same on PostgreSQL."""
        url = self.postgres.create("shop")
        say(f"Setting up Cloakroom on PostgreSQL with {self.settings.files:,} files")
        return Shop(self, "postgres-shop", url)

    @cached_property
    def cellar(self):
        """Cloakroom behind nginx, empty: for uploads. With it, somebody to upload."""
        server = Server(self, "uploads")
        return server, server.sign_up("owner")

    @cached_property
    def careless_cellar(self):
        """The same on a disk that is said to have kept what it is told to, and has not: every sync returns at once."""
        library = next(Path("/usr/lib").glob("*/libeatmydata.so"), None)
        if library is None:
            raise Failure("libeatmydata.so is not installed (Debian's package libeatmydata1)")
        server = Server(self, "uploads-no-sync", preload=library)
        return server, server.sign_up("owner")

    @cached_property
    def store(self):
        say("Starting SeaweedFS")
        return Store(self)

    @cached_property
    def store_cellar(self):
        """The same with content in an object store."""
        server = Server(self, "store-uploads", store=self.store)
        return server, server.sign_up("owner")

    @cache
    def grown(self, count):
        """Cloakroom on a port of its own, with so many files, and the owner and a reader of them."""
        say(f"Setting up Cloakroom with {count:,} files and {count:,} shares")
        server = Server(self, f"grown-{count}", behind_nginx=False)
        owner, reader = server.sign_up("owner"), server.sign_up("reader")
        filling = Filling(populate.user_id(owner), populate.user_id(reader), count)
        server.process.stop()
        populate.into_sqlite(filling, server.data_dir / "cloakroom.sqlite3")
        server.start()
        return server, owner, reader, filling

    @cache
    def bookshop(self, database):
        """Cloakroom on a port of its own with 10,000 files, the people who see them by name, and graphql-yoga over the same rows."""
        say(f"Setting up Cloakroom and graphql-yoga on {database}")
        url = self.postgres.create("bookshop") if database == "PostgreSQL" else None
        server = Server(self, f"bookshop-{database}", database_url=url, behind_nginx=False)
        people = {name: server.sign_up(name) for name in ("owner", "reader")}
        filling = Filling(*(populate.user_id(person) for person in people.values()), 10_000)
        server.process.stop()
        rows = server.data_dir / "cloakroom.sqlite3"
        if url:
            populate.into_postgres(filling, url)
        else:
            populate.into_sqlite(filling, rows)
        server.start()
        return server, people, Yoga(self, database, url or rows)

    @cache
    def crowded(self, database):
        """Cloakroom on a port of its own, and two who are shared files with: one in 100 groups, the other in none."""
        groups, each, rest = 100, 200, 10_000 if self.settings.quick else 100_000
        say(f"Setting up Cloakroom on {database} with {groups} groups")
        url = self.postgres.create("crowded") if database == "PostgreSQL" else None
        server = Server(self, f"crowded-{database}", database_url=url, behind_nginx=False)
        owner, reader, loner = (server.sign_up(name) for name in ("owner", "reader", "loner"))
        filling = GroupFilling(*(populate.user_id(person) for person in (owner, reader, loner)), groups, each, rest)
        server.process.stop()
        if url:
            populate.into_postgres(filling, url)
        else:
            populate.into_sqlite(filling, server.data_dir / "cloakroom.sqlite3")
        server.start()
        return server, {"in 100 groups": reader, "in none": loner}

    @cache
    def random_file(self, size):
        path = self.directory / f"upload-{size}.bin"
        populate.write_random(path, size)
        return path


class Shop:
    """Cloakroom with files to redeem, and the reader who redeems them."""

    def __init__(self, world, name, database_url=None):
        self.settings = world.settings
        self.server = Server(world, name, database_url=database_url)
        self.port = self.server.port
        self.content_dir = self.server.data_dir / "content"
        self.owner, self.reader = self.server.sign_up("owner"), self.server.sign_up("reader")
        larger = {size: number for size, number in SAMPLES.items() if size != KIB} if database_url is None else {}
        self.filling = Filling(populate.user_id(self.owner), populate.user_id(self.reader), world.settings.files, larger)
        self.server.process.stop()
        if database_url:
            populate.into_postgres(self.filling, database_url)
        else:
            populate.into_sqlite(self.filling, self.server.data_dir / "cloakroom.sqlite3")
        self.server.start()

    @cache
    def files(self, size):
        """The files of one size that a load asks for, their bytes in place."""
        files = self.filling.sample(size, self.settings.sample(size))
        write_content(files, self.content_dir)
        return files

    @cache
    def tickets(self, size):
        """Their tickets' paths."""
        return self.reader.tickets([file.id for file in self.files(size)])


def say(text):
    print(text, file=sys.stderr, flush=True)
