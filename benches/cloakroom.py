"""Cloakroom itself: a process with the default settings, and a client that speaks its API."""

import copy
import http.client
import json
import os
import socket

from benches.nginx import Nginx, cloakroom_site
from benches.processes import Failure, Process, free_port, listens

PASSWORD = "a benchmark has no secrets"
# A document may have 30 aliases; a ticket each.
TICKETS_A_REQUEST = 25


class Server:
    """A running Cloakroom: behind nginx, by a unix socket, or else on a port of its own. `port` is where clients go."""

    def __init__(self, world, name, *, database_url=None, behind_nginx=True, store=None, changes=None, preload=None):
        """`store` is where content is, if it is not in the data directory; `changes` are settings; `preload` is a shared library
        that comes before libc."""
        self.world = world
        self.name = name
        self.database_url = database_url
        self.directory = world.directory / name
        self.data_dir = self.directory / "data"
        self.directory.mkdir()
        self.changes = {**(store.settings if store else {}), **(changes or {})}
        self.preload = preload
        self.nginx = None
        if behind_nginx:
            self.socket = self.directory / "socket"
            self.listen = f"unix:{self.socket}"
            self.start()
            site = cloakroom_site(world.root, self.socket, self.data_dir / "content", store=store)
            self.nginx = Nginx(world, name, site)
            self.port = self.nginx.port
        else:
            self.port = free_port()
            self.listen = f"127.0.0.1:{self.port}"
            self.start()

    def start(self):
        log = self.directory / "cloakroom.log"
        self.process = self.world.start(
            Process(f"Cloakroom ({self.name})", [self.world.binary, "serve"], log, env=self.environment(self.listen))
        )
        self.process.wait_until(lambda: listens(self.port if self.listen[0] != "u" else self.socket))

    def restart(self):
        """A new process over the same data."""
        self.process.stop()
        self.start()

    def another(self, name, **changes):
        """Another instance over the same data, at a socket of its own, without an nginx. `changes` are settings."""
        instance = copy.copy(self)
        instance.changes = self.changes | changes
        instance.name, instance.nginx = name, None
        instance.socket = self.directory / f"{name}.socket"
        instance.listen = f"unix:{instance.socket}"
        instance.start()
        return instance

    def object_name(self, ticket):
        """What the store calls the content of a ticket's file, as nginx learns it."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.socket))
            connection.sendall(f"HEAD {ticket} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        for line in answer.splitlines():
            name, _, value = line.partition(": ")
            if name.lower() == "x-accel-redirect":
                return "content/" + value.removeprefix("/_store/").partition("?")[0]
        raise Failure(f"no redirect: {answer[:300]!r}")

    def environment(self, listen):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CLOAKROOM_")}
        ours = {
            "DATA_DIR": str(self.data_dir),
            "LISTEN": listen,
            "DELIVERY": "x-accel",
            "PUBLIC_URL": "http://127.0.0.1",
            "TICKET_TTL": "24h",
            "SIGN_UPS_PER_ADDRESS": "1000",
            # One account does here what many do.
            "CHANGES_PER_HOUR": "1000000000",
            "MAX_FILES_PER_USER": "1000000000",
            **({"DATABASE_URL": self.database_url} if self.database_url else {}),
            **self.changes,
            **self.world.settings.changes,
        }
        if self.preload:
            inherited["LD_PRELOAD"] = str(self.preload)
        return inherited | {f"CLOAKROOM_{name}": value for name, value in ours.items()}

    def sign_up(self, username):
        """A new person, who has an API token."""
        browser = Person(self.port)
        browser.ask(
            "mutation($u: String!, $p: String!) { signUp(username: $u, password: $p) { id } }",
            {"u": username, "p": PASSWORD},
        )
        answer = browser.ask('mutation { createApiToken(name: "bench", scopes: [READ, WRITE]) { secret } }')
        return Person(self.port, answer["createApiToken"]["secret"])


class Person:
    """Somebody with a browser, and a program of theirs once there is a `token`."""

    def __init__(self, port, token=None):
        self.port = port
        self.token = token
        self.cookie = None

    def at(self, port):
        """The same person, asking another server by the same token."""
        return Person(port, self.token)

    @property
    def headers(self):
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        elif self.cookie:
            headers["Cookie"] = self.cookie
        return headers

    def post(self, body, headers=None):
        """The answer's text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", "/graphql", body, headers or self.headers)
            response = connection.getresponse()
            if cookie := response.getheader("Set-Cookie"):
                self.cookie = cookie.split(";")[0]
            return response.read()
        finally:
            connection.close()

    def ask(self, query, variables=None):
        """The `data` of the answer; any error fails."""
        text = self.post(json.dumps({"query": query, "variables": variables or {}}))
        try:
            answer = json.loads(text)
        except ValueError:
            raise Failure(f"not a GraphQL answer: {text[:300]!r}") from None
        if "errors" in answer:
            raise Failure(f"GraphQL errors: {json.dumps(answer['errors'])[:500]}")
        return answer["data"]

    def tickets(self, file_ids):
        """A ticket's path for each file, issued by the API."""
        paths = []
        for start in range(0, len(file_ids), TICKETS_A_REQUEST):
            batch = file_ids[start : start + TICKETS_A_REQUEST]
            fields = [f't{n}: downloadTicket(fileId: "{file_id}") {{ url }}' for n, file_id in enumerate(batch)]
            answer = self.ask("{ " + " ".join(fields) + " }")
            paths += [ticket["url"].removeprefix("http://127.0.0.1") for ticket in answer.values()]
        return paths


def multipart(content, boundary="cloakroom-bench"):
    """The body of an upload as the GraphQL multipart request specification has it, and its content type."""
    operations = {
        "query": "mutation($file: Upload!) { uploadFile(file: $file) { id size sha256 } }",
        "variables": {"file": None},
    }
    parts = [
        ('name="operations"', json.dumps(operations).encode()),
        ('name="map"', b'{"0":["variables.file"]}'),
        ('name="0"; filename="bench.bin"\r\nContent-Type: application/octet-stream', content),
    ]
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + value + b"\r\n"
        for head, value in parts
    )
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def first_answer(address, path="/readyz"):
    """One GET at a unix socket, by hand and at once: whether it was answered with 200."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(address))
        except OSError:
            return False
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return connection.recv(64).startswith(b"HTTP/1.1 200")
