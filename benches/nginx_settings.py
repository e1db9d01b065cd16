"""nginx's settings: the configuration as it is, against the same with one setting changed, in front of one Cloakroom."""

from dataclasses import dataclass

from benches.contest import Contest, Row
from benches.downloads import NAMES
from benches.load import Load
from benches.nginx import Nginx, cloakroom_site
from benches.populate import KIB, MIB
from benches.processes import Process, free_port, listens

AS_IT_IS = "as it is"


@dataclass
class Change:
    """A setting to do without, or to try: text of the site, and what stands there instead."""

    key: str
    what: str
    size: int
    was: str
    is_now: str


SENDFILE = "sendfile on; sendfile_max_chunk 2m; tcp_nopush on;"
CHANGES = [
    Change("nginx-keepalive", "a new upstream connection each", KIB, 'Connection        ""', 'Connection        "close"'),
    Change("nginx-sendfile-1k", "sendfile on", KIB, "sendfile       off;", SENDFILE),
    Change("nginx-sendfile-1m", "sendfile on", MIB, "sendfile       off;", SENDFILE),
    Change("nginx-sendfile-100m", "sendfile on", 100 * MIB, "sendfile       off;", SENDFILE),
    Change("nginx-buffers", "buffers of 32 KiB", MIB, "output_buffers 2 128k;", "output_buffers 2 32k;"),
    Change(
        *("nginx-file-cache", "a cache of open files", KIB, "open_file_cache off;"),
        "open_file_cache max=10000 inactive=60s; open_file_cache_valid 60s;",
    ),
    Change("nginx-log", "no access log", KIB, 'access_log "${LOG_DIR}/cloakroom.access.log" cloakroom;', "access_log off;"),
]


def prepare(change):
    def sides(world, _needed):
        shop = world.shop
        site = cloakroom_site(world.root, shop.server.socket, shop.content_dir, (change.was, change.is_now))
        changed = Nginx(world, change.key, site)
        tickets = shop.tickets(change.size)

        def load(name, port):
            return Load(world, f"{change.key}-{name}", port, tickets, least_bytes=change.size).bytes_a_second

        return {AS_IT_IS: load("is", shop.port), "changed": load("changed", changed.port)}

    return sides


def socket_sides(world, _needed):
    """The same Cloakroom by a port, in place of a unix socket: another process over the same data."""
    shop = world.shop
    server, port = shop.server, free_port()
    log = world.directory / "by-port.log"
    environment = server.environment(f"127.0.0.1:{port}")
    world.start(Process("Cloakroom (by port)", [world.binary, "serve"], log, env=environment)).wait_until(
        lambda: listens(port)
    )
    changed = Nginx(world, "by-port", cloakroom_site(world.root, port, shop.content_dir))
    tickets = shop.tickets(KIB)

    def load(name, port):
        return Load(world, f"nginx-socket-{name}", port, tickets, least_bytes=KIB).answers_a_second

    return {AS_IT_IS: load("is", shop.port), "changed": load("changed", changed.port)}


CONTESTS = [
    Contest(
        f"nginx: {change.what}, {NAMES[change.size]}",
        [Row(change.key, f"{change.what}, {NAMES[change.size]}", "changed", AS_IT_IS, "nginx as it is")],
        prepare(change),
        "bytes/s",
        quick=False,
    )
    for change in CHANGES
] + [
    Contest(
        "nginx: a port as upstream, 1 KiB",
        [Row("nginx-socket", "the upstream by a port, 1 KiB", "changed", AS_IT_IS, "nginx as it is")],
        socket_sides,
        "answers/s",
        quick=False,
    )
]
