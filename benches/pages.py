"""A page of 50 files with all that clients show of it, beside graphql-yoga over the same rows: pages a second, and processor
time for each page."""

import json

from benches.contest import Contest, Row
from benches.growth import FILES, SHARED
from benches.load import Load
from benches.peers import Yoga
from benches.processes import Failure

# One Node process has one thread that computes; more connections would only wait.
CONNECTIONS = 16


class Pages:
    """One server's pages by one query."""

    def __init__(self, world, name, server, query, field, person):
        body = json.dumps({"query": query}).encode()
        answer = person.at(server.port).post(body)
        self.shown = shown(answer, field)
        self.process = server.process
        self.load = Load(
            *(world, name, server.port, ["/graphql"]),
            headers=person.headers,
            body=body,
            least_bytes=len(answer) * 9 // 10,
            connections=CONNECTIONS,
        )

    def a_second(self):
        return self.load.answers_a_second()

    def microseconds(self):
        """Of processor time, for each page."""
        before = self.process.processor_seconds()
        requests = self.load.run()["requests"]
        return (self.process.processor_seconds() - before) / requests * 1e6


def shown(answer, field):
    """What a page shows, to hold that both servers show the same."""
    nodes = json.loads(answer)["data"][field]["nodes"]
    if len(nodes) != 50 or any(not node["shares"]["nodes"] for node in nodes):
        raise Failure(f"{field} answers {len(nodes)} files, or files without shares")
    return [
        (node["id"], node["name"], node["sha256"], node["owner"]["username"], len(node["shares"]["nodes"])) for node in nodes
    ]


def prepare(query, field, who, database):
    def sides(world, _needed):
        cloakroom, people, yoga = world.bookshop(database)
        person = people[who]
        pages = {
            name: Pages(world, f"{name}-{field}-{database}", server, query, field, person)
            for name, server in {"Cloakroom": cloakroom, "yoga": yoga}.items()
        }
        if pages["Cloakroom"].shown != pages["yoga"].shown:
            raise Failure(f"{field}: the servers show different files")
        rates = {name: side.a_second for name, side in pages.items()}
        return rates | {f"{name} µs": side.microseconds for name, side in pages.items()}

    return sides


def contest(key, query, field, who, database, rate, processor):
    suffix = "-postgres" if database == "PostgreSQL" else ""
    peer = "graphql-yoga, " + ("pg" if suffix else "better-sqlite3")
    what = f"`{field}(first: 50)`, everything selected; {database}"
    rows = [
        Row(f"{key}{suffix}", what, "Cloakroom", "yoga", peer, at_least=rate),
        Row(f"{key}-processor{suffix}", f"its processor time; {database}", "Cloakroom µs", "yoga µs", peer, at_most=processor),
    ]
    return Contest(what, rows, prepare(query, field, who, database), "answers/s or µs")


CONTESTS = [
    contest("pages-files", FILES, "files", "owner", "SQLite", 8, 0.2),
    contest("pages-shared", SHARED, "sharedWithMe", "reader", "SQLite", 8, 0.2),
    contest("pages-files", FILES, "files", "owner", "PostgreSQL", 4, 0.4),
    contest("pages-shared", SHARED, "sharedWithMe", "reader", "PostgreSQL", 4, 0.4),
]
