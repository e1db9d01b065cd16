"""Rows in bulk, straight into the database: files of one owner, each with one share."""

import os
import random
import sqlite3
import time
import uuid
from dataclasses import dataclass

from benches.processes import run

KIB, MIB = 1 << 10, 1 << 20
OTHERS = 100  # users who neither own nor redeem anything, so that the reader is one of many

# The id of the one audience of everyone who is signed in.
EVERYONE = uuid.UUID(int=0)
TABLES = {
    "user": "id username username_key password_hash disabled credential_epoch used_bytes trashed_bytes reserved_bytes "
    "file_count created_at",
    "file": "id owner_id name size content_type sha256 content_key created_at trashed_at",
    "group": "id owner_id name created_at deleted_at",
    "group_member": "group_id user_id",
    "share": "id file_id audience audience_id created_at expires_at",
}


@dataclass
class File:
    id: uuid.UUID
    content_key: str
    size: int

    @property
    def path(self):
        """Below the content directory."""
        return f"{self.content_key[:2]}/{self.content_key[2:4]}/{self.content_key}"


class Filling:
    """`count` files of `owner`: half are shared with `reader`, a quarter with every authenticated user, a quarter with
    others. `larger` says how many of them have another size than 1 KiB; those are all shared with `reader`."""

    def __init__(self, owner, reader, count, larger=None):
        self.random = random.Random(count)
        self.owner, self.reader = owner, reader
        self.sizes = [size for size, number in (larger or {}).items() for _ in range(number)]
        self.count = count
        self.began = int(time.time() * 1000) - count
        self.files = []
        self.seen_by_reader = []
        self.others = [self.id(-1) for _ in range(OTHERS)]

    def id(self, index):
        """A UUIDv7 of the millisecond `index`."""
        bits = (self.began + index) << 80 | self.random.getrandbits(80)
        bits = bits & ~(0xF000 << 64) | 0x7000 << 64
        return uuid.UUID(int=bits & ~(0xC000 << 48) | 0x8000 << 48)

    def users(self):
        for number, other in enumerate(self.others):
            name = f"other{number}"
            yield other, name, name, "!", False, 0, 0, 0, 0, 0, self.began

    def rows_of_files(self):
        for index in range(self.count):
            size = self.sizes[index] if index < len(self.sizes) else KIB
            file = File(self.id(index), f"{self.random.getrandbits(128):032x}", size)
            self.files.append(file)
            created = self.began + index
            yield (
                *(file.id, self.owner, f"bench-{index:06}.bin", size, "application/octet-stream"),
                *(self.random.randbytes(32), file.content_key, created, None),
            )

    def rows_of_shares(self):
        for index, file in enumerate(self.files):
            turn = 0 if index < len(self.sizes) else index % 4
            audience, audience_id = [
                ("USER", self.reader),
                ("USER", self.reader),
                ("AUTHENTICATED", EVERYONE),
                ("USER", self.others[index // 4 % OTHERS]),
            ][turn]
            if turn < 3:
                self.seen_by_reader.append(file)
            yield self.id(index), file.id, audience, audience_id, self.began + index, None

    def rows_of_groups(self):
        return []

    def rows_of_members(self):
        return []

    def into(self, insert):
        """Gives the rows to `insert(table, columns, rows)`."""
        rows = {
            "user": self.users(),
            "file": self.rows_of_files(),
            "group": self.rows_of_groups(),
            "group_member": self.rows_of_members(),
            "share": self.rows_of_shares(),
        }
        for table, columns in TABLES.items():
            insert(table, columns.split(), rows[table])

    def sample(self, size, number):
        """Up to `number` different files of one size that the reader may see, from everywhere in the table."""
        of_size = [file for file in self.seen_by_reader if file.size == size]
        return self.random.sample(of_size, min(number, len(of_size)))


class GroupFilling(Filling):
    """The files of `owner`, each shared with one of `groups` groups that `reader` belongs to: `each` with every group but
    the first, which has the `rest`. Which file is with which group is left to chance. A thousand of the files are shared
    with `loner` as well, who is in no group."""

    def __init__(self, owner, reader, loner, groups, each, rest):
        super().__init__(owner, reader, rest + (groups - 1) * each)
        self.loner = loner
        self.groups = [self.id(-1) for _ in range(groups)]
        self.group_of = [self.groups[0]] * rest + [group for group in self.groups[1:] for _ in range(each)]
        self.random.shuffle(self.group_of)

    def rows_of_groups(self):
        for number, group in enumerate(self.groups):
            yield group, self.owner, f"group {number}", self.began, None

    def rows_of_members(self):
        for group in self.groups:
            yield from ((group, user) for user in (self.owner, self.reader))

    def rows_of_shares(self):
        for index, (file, group) in enumerate(zip(self.files, self.group_of)):
            yield self.id(index), file.id, "GROUP", group, self.began + index, None
        step = max(1, self.count // 1000)
        for index in range(0, self.count, step):
            yield self.id(index), self.files[index].id, "USER", self.loner, self.began + index, None


def into_sqlite(filling, path):
    database = sqlite3.connect(path)
    database.execute("PRAGMA synchronous = OFF")
    database.execute("PRAGMA cache_size = -400000")
    sqlite3.register_adapter(uuid.UUID, lambda value: value.bytes)

    def insert(table, columns, rows):
        places = ", ".join("?" * len(columns))
        database.executemany(f'INSERT INTO "{table}" ({", ".join(columns)}) VALUES ({places})', rows)

    filling.into(insert)
    database.commit()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def into_postgres(filling, url):
    def insert(table, columns, rows):
        lines = ("\t".join(map(copied, row)) + "\n" for row in rows)
        copy = f'COPY "{table}" ({", ".join(columns)}) FROM STDIN'
        run(["psql", "-q", "-v", "ON_ERROR_STOP=1", url, "-c", copy], input="".join(lines).encode())

    filling.into(insert)
    run(["psql", "-q", url, "-c", "VACUUM ANALYZE"])


def copied(value):
    """A value in the text format of PostgreSQL's COPY."""
    match value:
        case None:
            return "\\N"
        case bytes():
            return "\\\\x" + value.hex()
        case bool():
            return "t" if value else "f"
        case _:
            return str(value)


def write_content(files, content_dir):
    """Random bytes for each file, where nginx looks for them."""
    for file in files:
        path = content_dir / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        write_random(path, file.size)


def write_random(path, size):
    """A file of random bytes, the same ones every 16 MiB: nothing measured here looks that far."""
    block = os.urandom(min(size, 16 * MIB))
    with open(path, "wb") as output:
        for start in range(0, size, len(block)):
            output.write(block[: size - start])


def user_id(person):
    """The id behind a client, for rows that name their owner or reader."""
    return uuid.UUID(person.ask("{ me { id } }")["me"]["id"])
