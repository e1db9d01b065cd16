"""Downloads: a ticket redeemed at Cloakroom and the file sent by nginx, against nginx without the question."""

from benches import nginx
from benches.contest import Contest, Row
from benches.load import Load
from benches.peers import Constant, Django, static
from benches.populate import KIB, MIB
from benches.processes import Failure, free_port

NAMES = {KIB: "1 KiB", 32 * KIB: "32 KiB", MIB: "1 MiB", 10 * MIB: "10 MiB", 100 * MIB: "100 MiB"}
CONSTANT = "nginx + constant upstream"
STATIC = "nginx alone"
LINKS = 50


def by_size(size):
    """Tickets to files of one size, on SQLite, and everything that the same file is measured against."""

    def prepare(world, needed):
        shop = world.shop
        constant = world.once("constant", lambda: Constant(world, "constant"))
        static_port = world.once("static", lambda: static(world, shop.content_dir))
        tickets = shop.tickets(size)
        constant.serve(size)
        files = [f"/{file.path}" for file in shop.files(size)]
        name = NAMES[size].replace(" ", "")
        loads = {
            "Cloakroom": Load(world, f"cloakroom-{name}", shop.port, tickets, least_bytes=size),
            "constant": Load(world, f"constant-{name}", constant.port, tickets, least_bytes=size),
            "static": Load(world, f"static-{name}", static_port, files, least_bytes=size),
        }
        sides = {name: load.bytes_a_second if size > MIB else load.answers_a_second for name, load in loads.items()}
        if "Django" in needed:
            sides["Django"] = django_side(world, size, name)
        return sides

    return prepare


def django_side(world, size, name):
    """Fails at its first reading, and not before, when the peer cannot be had here."""
    try:
        django = world.once("django", lambda: Django(world))
    except Failure as failure:
        why = str(failure)

        def refuse():
            raise Failure(why)

        return refuse
    load = Load(world, f"django-{name}", django.port, django.paths[size], headers=django.headers, least_bytes=size)
    return load.bytes_a_second if size > MIB else load.answers_a_second


def by_links(world, _needed):
    """Tickets of links, without and with a limit of downloads, against tickets of a user, to files of 1 KiB."""
    shop = world.shop
    file_ids = [str(file.id) for file in shop.files(KIB)[:LINKS]]
    sides = {
        "user": shop.tickets(KIB),
        "link": [link_ticket(shop, file_id, None) for file_id in file_ids],
        "limited": [link_ticket(shop, file_id, 1000) for file_id in file_ids],
    }
    return {
        name: Load(world, f"by-{name}", shop.port, tickets, least_bytes=KIB).answers_a_second
        for name, tickets in sides.items()
    }


def link_ticket(shop, file_id, most):
    """A ticket of a new link to the file, with so many downloads."""
    share = "mutation($f: ID!, $n: Int) { shareByLink(fileId: $f, maxDownloads: $n) { link { url } } }"
    url = shop.owner.ask(share, {"f": file_id, "n": most})["shareByLink"]["link"]["url"]
    visit = "query($t: String!) { sharedLink(token: $t) { file { downloadTicket { url } } } }"
    link = shop.owner.ask(visit, {"t": url.rsplit("/", 1)[1]})["sharedLink"]
    return link["file"]["downloadTicket"]["url"].removeprefix("http://127.0.0.1")


def with_metrics(world, _needed):
    """Two instances on SQLite, one of which measures what it does, and is asked for that by nobody."""
    shop = world.shop
    instances = {
        "without": shop.server.another("without-metrics"),
        "with": shop.server.another("with-metrics", METRICS_LISTEN=f"127.0.0.1:{free_port()}"),
    }
    sides = {}
    for name, instance in instances.items():
        site = nginx.cloakroom_site(world.root, instance.socket, shop.content_dir)
        port = nginx.Nginx(world, instance.name, site).port
        load = Load(world, instance.name, port, shop.tickets(KIB), least_bytes=KIB)
        sides[name] = load.processor_time([instance.process])
    return sides


def on_postgres(world, _needed):
    """The same files in PostgreSQL, against one empty query for each request through the same pool."""
    shop = world.postgres_shop
    database = world.postgres.create("constant")
    constant = Constant(world, "constant-postgres", database)
    constant.serve(KIB)
    tickets = shop.tickets(KIB)
    return {
        "Cloakroom": Load(world, "cloakroom-postgres", shop.port, tickets, least_bytes=KIB).answers_a_second,
        "SELECT 1": Load(world, "constant-postgres", constant.port, tickets, least_bytes=KIB).answers_a_second,
    }


def size_contest(size, rows, **options):
    name = NAMES[size]
    unit = "bytes/s" if size > MIB else "answers/s"
    return Contest(f"download {name}", rows, by_size(size), unit, **options)


CONTESTS = [
    size_contest(
        KIB,
        [
            Row("redeem-1k", "redeem a ticket, 1 KiB, SQLite", "Cloakroom", "constant", CONSTANT, at_least=0.8),
            Row("redeem-1k-django", "the same", "Cloakroom", "Django", "Django + nginx", at_least=40),
            Row("redeem-1k-static", "the same", "Cloakroom", "static", STATIC),
        ],
    ),
    Contest(
        "download 1 KiB by links",
        [
            Row("redeem-1k-link", "redeem a link's ticket, 1 KiB, SQLite", "link", "user", "a user's ticket"),
            Row("redeem-1k-link-limited", "… of a link with a limit", "limited", "user", "a user's ticket"),
        ],
        by_links,
        "answers/s",
    ),
    Contest(
        "download 1 KiB with metrics",
        [
            Row(
                *("redeem-1k-metrics-processor", "processor time, redeem, 1 KiB, with metrics", "with", "without"),
                "without metrics",
                at_most=1.02,
            )
        ],
        with_metrics,
        "µs",
    ),
    Contest(
        "download 1 KiB, PostgreSQL",
        [
            Row(
                *("redeem-1k-postgres", "redeem a ticket, 1 KiB, PostgreSQL", "Cloakroom", "SELECT 1"),
                "constant upstream + SELECT 1",
                at_least=0.8,
            )
        ],
        on_postgres,
        "answers/s",
    ),
    size_contest(
        32 * KIB,
        [
            Row("redeem-32k-static", "redeem, 32 KiB, SQLite", "Cloakroom", "static", STATIC),
            Row("redeem-32k", "the same", "Cloakroom", "constant", CONSTANT),
        ],
        quick=False,
    ),
    size_contest(
        MIB,
        [
            Row("redeem-1m", "redeem, 1 MiB, SQLite", "Cloakroom", "static", STATIC, at_least=0.85),
            Row("redeem-1m-constant", "the same", "Cloakroom", "constant", CONSTANT),
            Row("redeem-1m-django", "the same", "Cloakroom", "Django", "Django + nginx"),
        ],
    ),
    size_contest(
        10 * MIB,
        [
            Row("redeem-10m-static", "redeem, 10 MiB, SQLite", "Cloakroom", "static", STATIC),
            Row("redeem-10m", "the same", "Cloakroom", "constant", CONSTANT),
        ],
        quick=False,
    ),
    size_contest(
        100 * MIB,
        [
            Row("redeem-100m", "redeem, 100 MiB, SQLite", "Cloakroom", "static", STATIC, at_least=0.98),
            Row("redeem-100m-constant", "the same", "Cloakroom", "constant", CONSTANT),
        ],
    ),
]
