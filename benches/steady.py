"""Steady load: writers and readers through nginx for as long as it takes to see what grows."""

import collections
import hashlib
import http.client
import json
import os
import random
import threading
import time

from benches.cloakroom import Server, multipart
from benches.populate import KIB, MIB
from benches.processes import Failure, run

# Files that are there all the time, for the readers.
LASTING = 32
# Files that a writer keeps before it destroys the oldest.
KEPT = 3
# How much later samples may exceed the early ones, by what they measure.
GROWTH = {"resident": 16 * MIB, "descriptors": 64, "threads": 32, "staged": 64}
# What SQLite's log may be at any time: checkpoints keep up with 50 writers, however many read.
WAL_MAX = 64 * MIB


class Client:
    """Somebody's program with a connection of its own, which it keeps."""

    def __init__(self, port, token):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}

    def send(self, method, path, body=None, content_type=None):
        headers = self.headers | ({"Content-Type": content_type} if content_type else {})
        try:
            self.connection.request(method, path, body, headers if path == "/graphql" else {})
            response = self.connection.getresponse()
            answer = response.read()
        except Exception:
            self.connection.close()
            raise
        if response.status != 200:
            raise Failure(f"{response.status}: {answer[:300]!r}")
        return answer

    def ask(self, query, **variables):
        return self.data(json.dumps({"query": query, "variables": variables}), "application/json")

    def data(self, body, content_type):
        answer = json.loads(self.send("POST", "/graphql", body, content_type))
        if "errors" in answer:
            raise Failure(json.dumps(answer["errors"])[:300])
        return answer["data"]

    def upload(self, content):
        file = self.data(*multipart(content))["uploadFile"]
        if file["sha256"] != hashlib.sha256(content).hexdigest():
            raise Failure("an upload was answered with another hash")
        return file["id"]

    def ticket(self, file_id):
        data = self.ask("query($f: ID!) { downloadTicket(fileId: $f) { url } }", f=file_id)
        return data["downloadTicket"]["url"].removeprefix("http://127.0.0.1")

    def fetch(self, path, content):
        if self.send("GET", path) != content:
            raise Failure("a download has other bytes")


class Steady:
    """One run; `counts` and `errors` are what the clients met."""

    def __init__(self, world, options, database_url=None):
        self.options = options
        self.server = Server(world, "steady", database_url=database_url)
        self.binary = world.binary
        self.counts = collections.Counter()
        self.errors = collections.Counter()
        self.stopping = threading.Event()
        self.samples = []

    def run(self):
        port = self.server.port
        owner = Client(port, self.server.sign_up("owner").token)
        reader = self.server.sign_up("reader").token
        writers = [self.server.sign_up(f"writer{n}").token for n in range(self.options.writers)]
        lasting = []
        for _ in range(LASTING):
            content = os.urandom(random.randrange(64 * KIB))
            file_id = owner.upload(content)
            owner.ask("mutation($f: ID!) { shareWithAuthenticated(fileId: $f) { id } }", f=file_id)
            lasting.append((Client(port, reader).ticket(file_id), content))
        work = [(self.write, Client(port, token)) for token in writers]
        work += [(self.read, Client(port, reader), lasting) for _ in range(self.options.readers)]
        threads = [threading.Thread(target=self.repeat, args=task) for task in work]
        for thread in threads:
            thread.start()
        self.watch()
        self.stopping.set()
        for thread in threads:
            thread.join()
        return self.verdict()

    def repeat(self, act, client, *rest):
        files = collections.deque()
        while not self.stopping.is_set():
            try:
                self.counts[act.__name__] += 1
                act(client, *rest, files)
            except Exception as error:
                self.errors[f"{act.__name__}: {type(error).__name__}: {error}"] += 1
                time.sleep(0.1)

    def write(self, client, files):
        """An upload's whole life, the end of it some turns later."""
        content = os.urandom(random.choice([KIB, 16 * KIB, random.randrange(512 * KIB)]))
        file_id = client.upload(content)
        files.append(file_id)
        share = "mutation($f: ID!) { shareWithUser(fileId: $f, username: \"reader\") { id } }"
        share_id = client.ask(share, f=file_id)["shareWithUser"]["id"]
        client.fetch(client.ticket(file_id), content)
        client.ask("mutation($s: ID!) { revokeShare(id: $s) }", s=share_id)
        if len(files) > KEPT:
            client.ask("mutation($f: ID!) { deleteFile(id: $f) purgeFile(id: $f) }", f=files.popleft())

    def read(self, client, lasting, _files):
        client.fetch(*random.choice(lasting))
        if random.random() < 0.2:
            nodes = client.ask("{ sharedWithMe(first: 50) { nodes { id name owner { username } } } }")
            if len(nodes["sharedWithMe"]["nodes"]) < LASTING:
                raise Failure("a list is too short")

    def watch(self):
        began = time.monotonic()
        while (elapsed := time.monotonic() - began) < self.options.seconds:
            self.samples.append(self.sample(elapsed))
            time.sleep(max(0.1, self.options.seconds / 600))

    def sample(self, elapsed):
        process, data = self.server.process, self.server.data_dir
        wal = data / "cloakroom.sqlite3-wal"
        return {
            "seconds": round(elapsed, 1),
            "resident": process.memory("VmRSS"),
            "descriptors": len(os.listdir(f"/proc/{process.pid}/fd")),
            "threads": len(os.listdir(f"/proc/{process.pid}/task")),
            "wal": wal.stat().st_size if wal.exists() else 0,
            "staged": len(os.listdir(data / "staging")),
        }

    def verdict(self):
        """What was done and measured, and the faults found in it."""
        seconds = self.options.seconds
        early = [sample for sample in self.samples if seconds * 0.2 <= sample["seconds"] < seconds * 0.4]
        late = [sample for sample in self.samples if sample["seconds"] >= seconds * 0.8]
        most = {name: [max(sample[name] for sample in part) for part in (early, late)] for name in self.samples[0]}
        faults = [f"{count} × {error}" for error, count in self.errors.most_common(10)]
        for name, allowed in GROWTH.items():
            before, after = most[name]
            if after > before + allowed:
                faults.append(f"{name} grew from {before:,} to {after:,}")
        largest = max(sample["wal"] for sample in self.samples)
        if largest > WAL_MAX:
            faults.append(f"SQLite's log grew to {largest:,} bytes")
        faults += self.complaints()
        faults += self.leftovers()
        return {
            "counts": dict(self.counts),
            "early": {name: values[0] for name, values in most.items()},
            "late": {name: values[1] for name, values in most.items()},
            "wal_max": largest,
            "samples": self.samples,
            "faults": faults,
        }

    def complaints(self):
        """Lines of the server's log that say that something went wrong; that a query waited is not wrong."""
        signs = ("database is locked", " ERROR ", " WARN ")
        with open(self.server.process.log, errors="replace") as log:
            lines = [line.strip()[:300] for line in log if "slow threshold" not in line]
        bad = [line for line in lines if any(sign in line for sign in signs)]
        return [f"{len(bad)} lines in the log, such as: {bad[0]}"] if bad else []

    def leftovers(self):
        """Of uploads that have ended, and of a server that has."""
        deadline = time.monotonic() + 10
        while staged := os.listdir(self.server.data_dir / "staging"):
            if time.monotonic() > deadline:
                return [f"{len(staged)} files are still staged"]
            time.sleep(0.1)
        self.server.process.stop()
        try:
            run([self.binary, "verify", "--deep"], env=self.server.environment("127.0.0.1:0"))
        except Failure as failure:
            return [f"verify: {failure}"]
        return []
