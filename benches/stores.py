"""Content in an object store, and several instances: what Cloakroom adds to the store, and an instance to the others."""

import os
import time
from dataclasses import replace

from benches import nginx
from benches.cloakroom import Server
from benches.contest import Contest, Row
from benches.footprint import slow_parts_of
from benches.load import Load
from benches.populate import KIB, MIB
from benches.processes import Failure, run
from benches.store import BUCKET
from benches.uploads import timed, upload

INSTANCES = [1, 2, 3]
# One account's uploads take a quarter of the memory at most.
ACCOUNTS = 4
UPLOADS = 64
# CLOAKROOM_S3_UPLOAD_MEMORY as it comes, for parts; and what an upload may take besides, for what is on its way to a part.
UPLOAD_MEMORY = 512 * MIB
BESIDES = 3 * MIB

FIXED = """
upstream store {{
    server {host};
    keepalive 32;
}}
server {{
    listen 127.0.0.1:{port};
    keepalive_requests 10000;
    location / {{
        proxy_pass http://store;
        proxy_http_version 1.1;
        proxy_pass_request_headers off;
        proxy_max_temp_file_size 0;
        proxy_set_header Host {host};
        proxy_set_header Connection "";
    }}
}}
"""


def uploads(world, _needed):
    """Bytes a second of one upload by curl through nginx and Cloakroom, and of its client alone."""
    server, person = world.store_cellar
    path = world.random_file(world.settings.huge)

    def client():
        os.sync()
        return float(run([world.example("store_upload"), path], env=server.environment("127.0.0.1:0")))

    return {"Cloakroom": lambda: timed(server, person, path), "client": client}


def downloads(world, _needed):
    """The same object by a ticket, and by a signature that does not change."""
    server, person = world.store_cellar
    file_id = upload(server.port, person, world.random_file(100 * MIB))
    [ticket] = person.tickets([file_id])
    # What the store has to be asked for is known to nobody but the application: a redirect tells it.
    path = f"/{BUCKET}/{server.object_name(ticket)}"
    fixed = nginx.Nginx(world, "fixed-signature", nginx.site(FIXED, host=world.store.host))
    signed = f"{path}?{world.store.sign('GET', path)}"
    loads = {
        "Cloakroom": Load(world, "store-cloakroom", server.port, [ticket], least_bytes=100 * MIB, connections=8),
        "fixed": Load(world, "store-fixed", fixed.port, [signed], least_bytes=100 * MIB, connections=8),
    }
    return {name: load.bytes_a_second for name, load in loads.items()}


def instances(world, _needed):
    """The same tickets at one nginx in front of one, two and three instances on one PostgreSQL."""
    shop = world.postgres_shop
    tickets = shop.tickets(KIB)
    sockets, processes = [shop.server.socket], [shop.server.process]
    for number in INSTANCES[1:]:
        another = shop.server.another(f"instance-{number}")
        sockets.append(another.socket)
        processes.append(another.process)
    sides = {}
    for number in INSTANCES:
        site = nginx.cloakroom_site(world.root, sockets[:number], shop.content_dir)
        port = nginx.Nginx(world, f"instances-{number}", site).port
        load = Load(world, f"instances-{number}", port, tickets, least_bytes=KIB)
        sides[f"{number}"] = load.answers_a_second
        # Claims that come together share a query, so the cost of one goes by how many there are for each instance.
        alike = replace(load, name=f"instances-{number}-alike", connections=number * load.connections)
        sides[f"{number} µs"] = alike.processor_time(processes[:number])
    return sides


def memory(world, _needed):
    """What 64 uploads take that have each sent more than a part, and what they may take."""
    server = Server(world, "store-memory", behind_nginx=False, changes=world.store.settings | {"S3_PREFIX": "memory/"})
    people = [server.sign_up(f"person-{number}") for number in range(ACCOUNTS)]

    def peak():
        server.restart()
        upload(server.port, people[0], world.random_file(10 * MIB))
        time.sleep(0.3)
        tokens = [people[number % ACCOUNTS].token for number in range(UPLOADS)]
        return slow_parts_of(server.process, server.port, tokens, 20 * MIB) * UPLOADS / MIB

    return {"peak": peak, "allowed": lambda: (UPLOAD_MEMORY + UPLOADS * BESIDES) / MIB}


def instance_rows(number):
    what = f"redeem, 1 KiB, PostgreSQL, {number} instances"
    return [
        Row(f"redeem-1k-instances-{number}", what, f"{number}", "1", "one instance"),
        Row(
            *(f"redeem-1k-instances-{number}-processor", f"its processor time, {number} instances"),
            *(f"{number} µs", "1 µs", "one instance, as many connections for each"),
            at_most=1.1,
        ),
    ]


CONTESTS = [
    Contest(
        "upload 1 GiB to a store",
        [
            Row(
                *("upload-1g-store", "upload 1 GiB, content in an object store", "Cloakroom", "client"),
                "Cloakroom's client of the store alone",
                at_least=0.9,
            )
        ],
        uploads,
        "bytes/s",
    ),
    Contest(
        "download 100 MiB from a store",
        [
            Row(
                *("redeem-100m-store", "redeem, 100 MiB, content in an object store", "Cloakroom", "fixed"),
                "nginx and the store, a fixed signature",
                at_least=0.95,
            )
        ],
        downloads,
        "bytes/s",
    ),
    Contest(
        "instances",
        [row for number in INSTANCES[1:] for row in instance_rows(number)],
        instances,
        "answers/s or µs",
    ),
    Contest(
        "memory of uploads to a store",
        [
            Row(
                *("memory-uploads-store", "memory of 64 uploads to an object store", "peak", "allowed"),
                "S3_UPLOAD_MEMORY and 3 MiB each",
                at_most=1.0,
            )
        ],
        memory,
        "MiB",
    ),
]
