"""How cost grows: the same requests over a thousand and over a million files and shares."""

import json

from benches.contest import Contest, Row
from benches.load import Load
from benches.processes import Failure

FILE = """id name size contentType sha256 createdAt owner { username }
    shares { nodes { id audience user { username } expiresAt } } downloadTicket { url expiresAt }"""
FILES = f"{{ files(first: 50) {{ nodes {{ {FILE} }} pageInfo {{ hasNextPage endCursor }} }} }}"
SHARED = FILES.replace("files(", "sharedWithMe(")
# How many tickets the redemptions go through: as many as the smallest table has.
TICKETS = 700


def page(query, field, who):
    """Pages a second, asked of the process itself: nginx would only hide a difference."""

    def side(world, count):
        server, owner, reader, _filling = world.grown(count)
        person = owner if who == "owner" else reader
        body = json.dumps({"query": query}).encode()
        answer = person.post(body)
        nodes = json.loads(answer)["data"][field]["nodes"]
        if len(nodes) != 50 or any(not node["shares"]["nodes"] for node in nodes):
            raise Failure(f"{field} answers {len(nodes)} files, or files without shares")
        load = Load(
            *(world, f"{field}-{count}", server.port, ["/graphql"]),
            headers=person.headers,
            body=body,
            least_bytes=len(answer) * 9 // 10,
        )
        return load.answers_a_second

    return side


def in_groups(database):
    """One after the other, pages of what is shared with somebody in 100 groups, and with somebody in none."""

    def prepare(world, _needed):
        server, people = world.crowded(database)

        def side(name, person):
            body = json.dumps({"query": SHARED}).encode()
            answer = person.post(body)
            nodes = json.loads(answer)["data"]["sharedWithMe"]["nodes"]
            if len(nodes) != 50 or any(not node["shares"]["nodes"] for node in nodes):
                raise Failure(f"sharedWithMe answers {len(nodes)} files, or files without shares")
            load = Load(
                *(world, f"{name.replace(' ', '-')}-{database}", server.port, ["/graphql"]),
                headers=person.headers,
                body=body,
                least_bytes=len(answer) * 9 // 10,
                connections=1,
            )
            return load.answers_a_second

        return {name: side(name, person) for name, person in people.items()}

    suffix = "-postgres" if database == "PostgreSQL" else ""
    name = f"sharedWithMe(first: 50) in 100 groups, {database}"
    row = Row(f"grow-groups{suffix}", name, "in 100 groups", "in none", "the same in no group", at_least=1 / 3)
    return Contest(name, [row], prepare, "answers/s")


def redemption(world, count):
    """Answers with an X-Accel-Redirect a second, to tickets of files from everywhere in the table."""
    server, _owner, reader, filling = world.grown(count)
    tickets = reader.tickets([file.id for file in filling.sample(1 << 10, TICKETS)])
    return Load(world, f"redeem-{count}", server.port, tickets).answers_a_second


def contest(name, key, side):
    """A side for each size of the tables, all of them for the plot; the row compares the largest with the smallest."""

    def prepare(world, _needed):
        counts = world.settings.table_sizes
        return {side_name(count, counts): side(world, count) for count in counts}

    row = Row(key, f"{name}, largest tables", "largest", "smallest", "the same over 1,000 rows", at_least=0.8)
    return Contest(name, [row], prepare, "answers/s", measures_all=True)


def side_name(count, counts):
    return {counts[0]: "smallest", counts[-1]: "largest"}.get(count, f"{count:,}")


CONTESTS = [
    contest("files(first: 50)", "grow-files", page(FILES, "files", "owner")),
    contest("sharedWithMe(first: 50)", "grow-shared", page(SHARED, "sharedWithMe", "reader")),
    contest("redemption", "grow-redeem", redemption),
    in_groups("SQLite"),
    in_groups("PostgreSQL"),
]
