"""Many uploads at once, through nginx: none fails, and each costs the server little memory."""

import hashlib
import json
import os
import socket
import threading
import time

from benches.cloakroom import Server, multipart
from benches.populate import KIB, MIB
from benches.processes import Failure
from benches.uploads import upload

# What the server may take at its peak beyond what it takes idle: so much, and so much for each upload.
FIXED = 4 * MIB
EACH = 256 * KIB
PIECE = 64 * KIB
# After so much, every upload waits for all the others to come as far.
MEETING = MIB


def run(world, options):
    """Uploads `options.uploads` files of `options.mebibytes` MiB side by side; the figures, and the faults found."""
    server = Server(world, "crowd")
    person = server.sign_up("owner")
    content = os.urandom(MIB) * options.mebibytes
    body, content_type = multipart(content)
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {person.token}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode()
    # What a process needs once is not what uploads cost.
    upload(server.port, person, world.random_file(KIB))
    time.sleep(0.3)
    server.process.forget_peak()
    idle = server.process.memory("VmRSS")
    expected, errors, meeting = hashlib.sha256(content).hexdigest(), [], threading.Barrier(options.uploads)

    def one():
        try:
            with socket.create_connection(("127.0.0.1", server.port), timeout=600) as client:
                client.sendall(head)
                send(client, memoryview(body)[:MEETING])
                meeting.wait(600)
                send(client, memoryview(body)[MEETING:])
                check(answer_of(client), expected)
        except Exception as error:
            meeting.abort()
            errors.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=one) for _ in range(options.uploads)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    peak, allowed = server.process.memory("VmHWM"), idle + FIXED + EACH * options.uploads
    faults = errors[:10]
    if peak > allowed:
        faults.append(f"the server took {peak:,} bytes, and may take {allowed:,}")
    return {
        "uploads": options.uploads - len(errors),
        "bytes": len(content),
        "seconds": round(took, 1),
        "idle": idle,
        "peak": peak,
        "allowed": allowed,
        "each": (peak - idle) // options.uploads,
        "faults": faults,
    }


def send(client, part):
    for start in range(0, len(part), PIECE):
        client.sendall(part[start : start + PIECE])


def answer_of(client):
    text = b""
    while chunk := client.recv(PIECE):
        text += chunk
    return text


def check(answer, sha256):
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise Failure(f"refused: {answer[:300]!r}")
    answer = json.loads(body)
    if "errors" in answer or answer["data"]["uploadFile"]["sha256"] != sha256:
        raise Failure(f"unexpected: {json.dumps(answer)[:300]}")
