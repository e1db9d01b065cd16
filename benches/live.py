"""The live feed: what an idle WebSocket takes, and how soon an event is with everybody."""

import base64
import contextlib
import json
import os
import resource
import selectors
import socket
import struct
import time

from benches.cloakroom import Server
from benches.contest import Contest, Row
from benches.populate import KIB
from benches.processes import Failure

SOCKETS = 5000
LISTENERS = 1000
# Accounts of the listeners: each costs a hashed password to make.
PEOPLE = 20
EVENTS = "subscription { events { kind fileId file { name } user { username } } }"


class LiveServer(Server):
    """With room for all sockets, which come from one address here."""

    def __init__(self, world, connections):
        self.connections = connections
        super().__init__(world, "live", behind_nginx=False)

    def environment(self, listen):
        most = str(self.connections)
        room = {"MAX_CONNECTIONS": most, "MAX_CONNECTIONS_PER_ADDRESS": most, "MAX_SOCKETS_PER_USER": most}
        return super().environment(listen) | {f"CLOAKROOM_{name}": value for name, value in room.items()}


def live(world, _needed):
    # A descriptor for each end of each socket.
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Cloakroom wants three for each connection, and gives WebSockets three quarters of the connections.
    connections = min(2 * SOCKETS, hard // 3 - 50)
    sockets = min(SOCKETS // 10 if world.settings.quick else SOCKETS, connections * 3 // 4)
    listeners = LISTENERS // 10 if world.settings.quick else LISTENERS
    server = LiveServer(world, connections)
    people = [server.sign_up(f"listener{number}") for number in range(PEOPLE)]
    owner = server.sign_up("owner")
    file_id = owner.ask('mutation { createUpload(name: "news", size: 0) { file { id } } }')["createUpload"]["file"]["id"]

    def idle():
        server.restart()
        time.sleep(1)
        before = server.process.memory("VmRSS")
        with contextlib.ExitStack() as stack:
            for number in range(sockets):
                stack.enter_context(subscribe(server.port, people[number % PEOPLE].token))
            time.sleep(1)
            return (server.process.memory("VmRSS") - before) / sockets / KIB

    def spread():
        share = 'mutation($f: ID!) { shareWithAuthenticated(fileId: $f) { id } }'
        with contextlib.ExitStack() as stack, selectors.DefaultSelector() as waiting:
            for number in range(listeners):
                listener = stack.enter_context(subscribe(server.port, people[number % PEOPLE].token))
                waiting.register(listener, selectors.EVENT_READ)
            time.sleep(1)
            began = time.perf_counter()
            owner.ask(share, {"f": file_id})
            left = listeners
            while left:
                ready = waiting.select(timeout=10)
                if not ready:
                    raise Failure(f"{left} listeners of {listeners} heard nothing")
                for key, _ in ready:
                    if b'"SHARED"' not in key.fileobj.recv(4096):
                        raise Failure("a listener heard something else")
                    waiting.unregister(key.fileobj)
                    left -= 1
            return (time.perf_counter() - began) * 1000

    return {"socket": idle, "listeners": spread}


def subscribe(port, token):
    """A socket by which somebody listens to events."""
    stream = socket.create_connection(("127.0.0.1", port))
    # Of two small messages in a row, the second would wait for the first one's acknowledgement: 40 ms for each socket.
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode()
    stream.sendall(
        f"GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Authorization: Bearer {token}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        f"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
    )
    head = b""
    while b"\r\n\r\n" not in head:
        head += received(stream)
    if not head.startswith(b"HTTP/1.1 101"):
        raise Failure(f"no WebSocket: {head[:300]!r}")
    say(stream, {"type": "connection_init"})
    if b"connection_ack" not in received(stream):
        raise Failure("a socket was not acknowledged")
    say(stream, {"id": "1", "type": "subscribe", "payload": {"query": EVENTS}})
    # By the answer to this, the subscription has begun.
    say(stream, {"type": "ping"})
    if b"pong" not in received(stream):
        raise Failure("a subscription did not begin")
    return stream


def received(stream):
    piece = stream.recv(4096)
    if not piece:
        raise Failure("a socket was closed")
    return piece


def say(stream, message):
    """A text message in one frame, masked as clients have to (RFC 6455 §5.3)."""
    text = json.dumps(message).encode()
    length = bytes([0x80 | len(text)]) if len(text) < 126 else bytes([0x80 | 126]) + struct.pack("!H", len(text))
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))
    stream.sendall(b"\x81" + length + mask + masked)


CONTESTS = [
    Contest(
        "the live feed",
        [
            Row("memory-socket", "memory of an idle WebSocket", "socket", at_most=30, unit="KiB"),
            Row("live-event", f"an event at {LISTENERS} listeners", "listeners", at_most=250, unit="ms"),
        ],
        live,
        "KiB or ms",
    ),
]
