"""What the process itself takes: a GraphQL request's overhead, memory, and the time to start."""

import contextlib
import json
import os
import socket
import time

from benches.cloakroom import Server, first_answer, multipart
from benches.contest import Contest, Row
from benches.load import Load
from benches.peers import TusServer, constant_port
from benches.populate import KIB, MIB
from benches.processes import Failure, Process
from benches.uploads import header, upload

CONNECTIONS = 1000
UPLOADS = 64


def me(world, _needed):
    """The smallest authenticated query, asked of the process itself."""
    server, person = lodge(world)
    body = json.dumps({"query": "{ me { username } }"}).encode()
    expected = b'{"data":{"me":{"username":"owner"}}}'
    if person.post(body) != expected:
        raise Failure(f"unexpected: {person.post(body)!r}")
    return {
        "Cloakroom": Load(
            *(world, "me", server.port, ["/graphql"]),
            headers=person.headers,
            body=body,
            least_bytes=len(expected),
        ).answers_a_second,
        "constant": Load(
            *(world, "me-constant", constant_port(world), ["/graphql"]), headers=person.headers, body=body
        ).answers_a_second,
    }


def lodge(world):
    """Cloakroom on a port of its own, and somebody who has an account."""

    def make():
        server = Server(world, "lodge", behind_nginx=False)
        return server, server.sign_up("owner")

    return world.once("lodge", make)


def memory(world, _needed):
    """Each reading is of a new process over the same data, after a request or two: memory that was used once is not
    always given back, and would hide what comes next."""
    server, person = lodge(world)
    small, medium, huge = (world.random_file(size) for size in (KIB, 10 * MIB, world.settings.huge))

    def fresh():
        server.restart()
        upload(server.port, person, small)
        time.sleep(0.3)
        return server.process

    def idle():
        server.restart()
        time.sleep(1)
        return server.process.memory("VmRSS") / MIB

    def growth(path):
        process = fresh()
        process.forget_peak()
        before = process.memory("VmRSS")
        upload(server.port, person, path)
        return (process.memory("VmHWM") - before) / MIB

    def peer():
        tus_server = world.once("tus-server-direct", lambda: TusServer(world, "tus-server-direct", behind_nginx=False))
        tus_server.restart()
        begin_by_tus(tus_server.port, "", KIB)
        time.sleep(0.3)
        return slow_parts(tus_server.process, tus_server.port, "") / KIB

    return {
        "idle": idle,
        "connection": lambda: connections(fresh(), server.port) / KIB,
        "upload": lambda: slow_uploads(fresh(), server.port, person) / KIB,
        "part": lambda: slow_parts(fresh(), server.port, person.token) / KIB,
        "part of a peer": peer,
        "peak": lambda: growth(huge),
        "difference": lambda: growth(huge) - growth(medium),
    }


def connections(process, port):
    """Bytes for each of many connections that have had their answer and stay open."""
    before = process.memory("VmRSS")
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(CONNECTIONS)]
        for connection in opened:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if b" 200 " not in connection.recv(4096):
                raise Failure("a connection was not answered")
        time.sleep(0.5)
        return (process.memory("VmRSS") - before) / CONNECTIONS


def slow_uploads(process, port, person):
    """The same by multipart."""
    body, content_type = multipart(os.urandom(4 * MIB))
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {person.token}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode()
    return slow_bodies(process, port, [head] * UPLOADS, body, b'"sha256"')


def slow_parts(process, port, token):
    """The same by tus: each is a PATCH of an upload of its own."""
    return slow_parts_of(process, port, [token] * UPLOADS, 4 * MIB)


def slow_parts_of(process, port, tokens, size):
    """The same of so many bytes, each with another token."""
    body = os.urandom(size)
    heads = [
        f"PATCH {begin_by_tus(port, token, len(body))} HTTP/1.1\r\nHost: localhost\r\n{tus_headers(token)}"
        f"Upload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        for token in tokens
    ]
    return slow_bodies(process, port, heads, body, b" 204 ")


def begin_by_tus(port, token, size):
    """The path of a new upload."""
    head = f"POST /uploads HTTP/1.1\r\nHost: localhost\r\n{tus_headers(token)}Upload-Length: {size}\r\n"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"{head}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
        return "/uploads/" + header(answer_of(connection), "location").split("/uploads/")[1]


def tus_headers(token):
    return f"Tus-Resumable: 1.0.0\r\nAuthorization: Bearer {token}\r\n"


def slow_bodies(process, port, heads, body, in_answer):
    """Bytes for each of many uploads that have sent half of theirs and pause; the peak on the way there."""
    process.forget_peak()
    before = process.memory("VmRSS")
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in heads]
        for client, head in zip(clients, heads):
            client.sendall(head)
        sent = body[: len(body) // 2]
        for start in range(0, len(sent), 32 * KIB):
            for client in clients:
                client.sendall(sent[start : start + 32 * KIB])
        time.sleep(0.5)
        peak = process.memory("VmHWM")
        for client in clients:
            client.sendall(body[len(sent) :])
        for client in clients:
            if in_answer not in answer_of(client):
                raise Failure("a slow upload was refused")
        return (peak - before) / len(heads)


def answer_of(client):
    client.settimeout(30)
    text = b""
    while chunk := client.recv(65536):
        text += chunk
    return text


def start(world, _needed):
    """Milliseconds from the start of a process to its first answer that needed the database."""
    server = world.shop.server
    listening = world.directory / "start.socket"

    def reading():
        environment = server.environment(f"unix:{listening}")
        began = time.perf_counter()
        process = Process("Cloakroom (start)", [world.binary, "serve"], world.directory / "start.log", env=environment)
        try:
            while not first_answer(listening):
                if time.perf_counter() - began > 10:
                    raise Failure(f"no answer in ten seconds:\n{process.tail()}")
                time.sleep(0.0002)
            return (time.perf_counter() - began) * 1000
        finally:
            process.stop()
            listening.unlink(missing_ok=True)

    return {"Cloakroom": reading}


CONTESTS = [
    Contest(
        "GraphQL overhead",
        [
            Row(
                *("graphql-me", "{ me { username } } by API token", "Cloakroom", "constant", "axum, a constant"),
                at_least=0.3,
            )
        ],
        me,
        "answers/s",
    ),
    Contest(
        "memory",
        [
            Row("memory-idle", "memory, idle", "idle", at_most=30, unit="MiB"),
            Row("memory-connection", "memory of an idle connection", "connection", at_most=16, unit="KiB"),
            Row("memory-upload", "memory of an upload in flight", "upload", at_most=256, unit="KiB"),
            Row("memory-upload-tus", "memory of an upload by tus in flight", "part", at_most=256, unit="KiB"),
            Row("memory-upload-tus-server", "the same in @tus/server", "part of a peer", unit="KiB"),
            Row("memory-peak", "memory that a 1 GiB upload adds", "peak", at_most=64, unit="MiB"),
            Row("memory-flat", "what a 1 GiB upload adds beyond a 10 MiB one", "difference", at_most=4, unit="MiB"),
        ],
        memory,
        "MiB or KiB",
    ),
    Contest(
        "start",
        [Row("start", "start, to the first answer", "Cloakroom", at_most=50, unit="ms")],
        start,
        "ms",
    ),
]
