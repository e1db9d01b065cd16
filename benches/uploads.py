"""Uploads: by GraphQL multipart through nginx, hashed and durable, against nginx or the disk alone."""

import contextlib
import json
import os
import sqlite3
import time

from benches.cloakroom import multipart
from benches.contest import Contest, Row
from benches.load import CONNECTIONS, Load
from benches.peers import Dav, TusServer
from benches.populate import KIB, MIB
from benches.processes import Failure, run

OPERATIONS = {
    "query": "mutation($file: Upload!) { uploadFile(file: $file) { id size } }",
    "variables": {"file": None},
}
# In a round; more would only take longer to remove.
DURABLE_WRITES = 2000
CURL = ["curl", "--silent", "--show-error", "--fail", "--header", "Expect:"]


def large(size_of):
    """Bytes a second of one upload by curl, from its start until the bytes are on the disk."""

    def prepare(world, needed):
        size = size_of(world.settings)
        path = world.random_file(size)
        server, person = world.cellar

        def put(and_sync):
            dav = world.once("dav", lambda: Dav(world))
            written = dav.root / "upload.bin"
            os.sync()
            began = time.perf_counter()
            run([*CURL, "--upload-file", path, f"http://127.0.0.1:{dav.port}/upload.bin"])
            if and_sync:
                sync(written)
                sync(dav.root)
            took = time.perf_counter() - began
            if written.stat().st_size != size:
                raise Failure("nginx DAV wrote another number of bytes")
            written.unlink()
            return size / took

        def tus_server(name, same_work):
            peer = world.once(name, lambda: TusServer(world, name, same_work=same_work))
            os.sync()
            began = time.perf_counter()
            written = peer.root / header(send_by_tus(peer.port, "", path), "x-upload")
            took = time.perf_counter() - began
            if written.stat().st_size != size:
                raise Failure("@tus/server wrote another number of bytes")
            written.unlink()
            return size / took

        return {
            "@tus/server, same work": lambda: tus_server("tus-server", True),
            "@tus/server": lambda: tus_server("tus-server-as-it-is", False),
            "Cloakroom": lambda: timed(server, person, path),
            "tus": lambda: timed(server, person, path, upload_by_tus),
            "DAV + sync": lambda: put(True),
            "DAV": lambda: put(False),
        }

    return prepare


def upload(port, person, path):
    """One upload as a client would make it; the id of the file."""
    answer = run(
        [*CURL, "--header", f"Authorization: Bearer {person.token}"]
        + ["--form", f"operations={json.dumps(OPERATIONS)}", "--form", 'map={"0":["variables.file"]}']
        + ["--form", f"0=@{path};type=application/octet-stream", f"http://127.0.0.1:{port}/graphql"]
    )
    answer = json.loads(answer)
    if "errors" in answer:
        raise Failure(f"the upload was refused: {json.dumps(answer['errors'])[:300]}")
    if answer["data"]["uploadFile"]["size"] != path.stat().st_size:
        raise Failure("the upload has another size than the file")
    return answer["data"]["uploadFile"]["id"]


def timed(server, person, path, way=upload):
    """Bytes a second of one upload by curl through nginx, from its start until the bytes are on the disk."""
    os.sync()
    began = time.perf_counter()
    file_id = way(server.port, person, path)
    took = time.perf_counter() - began
    person.ask("mutation($id: ID!) { deleteFile(id: $id) purgeFile(id: $id) }", {"id": file_id})
    return path.stat().st_size / took


def upload_by_tus(port, person, path):
    """The same by the tus protocol."""
    return header(send_by_tus(port, person.token, path), "cloakroom-file")


def send_by_tus(port, token, path):
    """The head of the answer to the last request of the tus protocol: an upload is begun, and all bytes come in one PATCH."""
    tus = [*CURL, "--header", f"Authorization: Bearer {token}", "--header", "Tus-Resumable: 1.0.0"]
    tus += ["--dump-header", "-", "--output", os.devnull]
    length = ["--request", "POST", "--header", f"Upload-Length: {path.stat().st_size}"]
    _, url_path = header(run([*tus, *length, f"http://127.0.0.1:{port}/uploads"]), "location").split("/uploads/")
    part = ["--request", "PATCH", "--header", "Upload-Offset: 0"]
    part += ["--header", "Content-Type: application/offset+octet-stream", "--upload-file", path]
    return run([*tus, *part, f"http://127.0.0.1:{port}/uploads/{url_path}"])


def header(head, name):
    """What a header of an answer says."""
    for line in head.decode().splitlines():
        key, _, value = line.partition(": ")
        if key.lower() == name:
            return value.strip()
    raise Failure(f"the answer has no {name}: {head[:300]!r}")


def sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def small(world, _needed):
    """Files of 1 KiB a second, 32 at a time."""
    body, content_type = multipart(os.urandom(KIB))

    def cloakroom(server, person):
        headers = {"Authorization": f"Bearer {person.token}", "Content-Type": content_type, "Accept": "application/json"}
        load = Load(world, f"upload-1k-{server.name}", server.port, ["/graphql"], headers=headers, body=body)
        database = server.data_dir / "cloakroom.sqlite3"

        def measure():
            before = count(database)
            summary = load.run(min(world.settings.seconds, 2))
            kept = count(database) - before
            # Uploads under way at the end may or may not have made it.
            if not summary["requests"] <= kept <= summary["requests"] + CONNECTIONS:
                raise Failure(f"{summary['requests']} uploads were answered, and {kept} files are kept")
            return summary["requests"] / summary["microseconds"] * 1e6

        return measure

    rounds = iter(range(1_000_000))

    def disk(*layout):
        directory = world.directory / f"durable-{next(rounds)}"
        directory.mkdir()
        return float(run([world.example("durable_writes"), directory, DURABLE_WRITES, CONNECTIONS, KIB, *layout]))

    def no_sync():
        return world.once("no sync", lambda: cloakroom(*world.careless_cellar))()

    return {
        "Cloakroom": cloakroom(*world.cellar),
        "no sync": no_sync,
        "write + fsync": disk,
        "layout": lambda: disk("as-content"),
    }


def count(database):
    time.sleep(0.5)
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT count(*) FROM file").fetchone()[0]


def rows_of(name, key, **options):
    return [
        Row(f"upload-{key}", f"upload {name}", "Cloakroom", "DAV + sync", "nginx DAV PUT + sync", at_least=1.0),
        Row(f"upload-{key}-tus", "the same by tus, in one PATCH", "tus", "Cloakroom", "by multipart", at_least=0.95),
        Row(
            *(f"upload-{key}-tus-server", "upload by tus", "tus", "@tus/server, same work"),
            "@tus/server + SHA-256 + sync",
            at_least=1.0,
        ),
        Row(f"upload-{key}-tus-server-nosync", "the same", "tus", "@tus/server", "@tus/server, not durable"),
        Row(f"upload-{key}-nosync", "the same", "Cloakroom", "DAV", "nginx DAV PUT, not durable"),
    ]


CONTESTS = [
    Contest("upload 100 MiB", rows_of("100 MiB", "100m"), large(lambda _settings: 100 * MIB), "bytes/s"),
    Contest("upload 1 GiB", rows_of("1 GiB", "1g"), large(lambda settings: settings.huge), "bytes/s", quick=False),
    Contest(
        "upload 1 KiB",
        [
            Row(
                *("upload-1k", "upload 1 KiB, 32 at a time", "Cloakroom", "write + fsync", "write + fsync a file"),
                at_least=0.5,
            ),
            Row("upload-1k-nosync", "the same, with syncs that do nothing", "no sync", "write + fsync", "write + fsync a file"),
            Row("upload-1k-layout", "the same", "Cloakroom", "layout", "the same writes in our directories"),
            Row("upload-1k-floor", "those writes alone", "layout", "write + fsync", "write + fsync a file"),
        ],
        small,
        "files/s",
    ),
]
