"""Load by wrk: one thread, a list of requests in turn, and no reading from a run that met an error."""

import json
from dataclasses import dataclass

from benches.processes import Failure, run

CONNECTIONS = 32
SCRIPT = """
local requests, at = {}, 0
function init()
    local body = nil
    if %(body)s then
        local file = io.open(%(body)s, "rb")
        body = file:read("*a")
        file:close()
    end
    for path in io.lines(%(paths)s) do
        requests[#requests + 1] = wrk.format(%(method)s, path, %(headers)s, body)
    end
end
function request()
    at = at %% #requests + 1
    return requests[at]
end
function done(summary)
    local errors = summary.errors
    io.write(string.format(
        '\\n{"requests": %%d, "microseconds": %%d, "bytes": %%d, "connect": %%d, "read": %%d, "write": %%d, '
            .. '"timeout": %%d, "status": %%d}\\n',
        summary.requests, summary.duration, summary.bytes,
        errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
"""


@dataclass
class Load:
    """What to request: paths in turn, each by the same method, headers and body."""

    world: object
    name: str
    port: int
    paths: list
    headers: dict | None = None
    body: bytes | None = None
    # Every answer has at least so many bytes; fewer means that something else was answered.
    least_bytes: int = 0
    connections: int = CONNECTIONS

    def __post_init__(self):
        directory = self.world.directory / "loads"
        directory.mkdir(exist_ok=True)
        stem = directory / self.name
        paths, body, self.script = (stem.with_suffix(suffix) for suffix in (".paths", ".body", ".lua"))
        paths.write_text("".join(path + "\n" for path in self.paths))
        if self.body is not None:
            body.write_bytes(self.body)
        headers = ", ".join(f"[{quote(name)}] = {quote(value)}" for name, value in (self.headers or {}).items())
        values = {
            "paths": quote(paths),
            "body": "nil" if self.body is None else quote(body),
            "method": quote("GET" if self.body is None else "POST"),
            "headers": f"{{ {headers} }}",
        }
        self.script.write_text(SCRIPT % values)

    def processor_time(self, processes):
        """Reads the microseconds that all of the processes together compute for each answer."""

        def reading():
            before = sum(process.processor_seconds() for process in processes)
            requests = self.run()["requests"]
            return (sum(process.processor_seconds() for process in processes) - before) / requests * 1e6

        return reading

    def run(self, seconds=None):
        """One round; returns wrk's summary. Fails on any error of any request."""
        seconds = seconds or self.world.settings.seconds
        # The time-out is wrk's for one answer; a large file to 32 clients at once takes its time.
        output = run(
            ["wrk", "-t1", f"-c{self.connections}", f"-d{seconds}s", "--timeout", "60s"]
            + ["-s", self.script, f"http://127.0.0.1:{self.port}"]
        )
        summary = json.loads(output.decode().strip().splitlines()[-1])
        errors = {name: summary[name] for name in ("connect", "read", "write", "timeout", "status") if summary[name]}
        if errors:
            raise Failure(f"{self.name}: wrk met errors: {errors} in {summary['requests']} requests")
        # Of large files none may have come whole; then more than a refusal should have come at least.
        if summary["requests"] == 0 and summary["bytes"] < max(self.least_bytes, 1):
            raise Failure(f"{self.name}: no request was answered in {seconds} seconds")
        if summary["bytes"] < summary["requests"] * self.least_bytes:
            raise Failure(f"{self.name}: answers are shorter than {self.least_bytes} bytes")
        return summary

    def answers_a_second(self):
        summary = self.run()
        return summary["requests"] / summary["microseconds"] * 1e6

    def bytes_a_second(self):
        summary = self.run()
        return summary["bytes"] / summary["microseconds"] * 1e6


def quote(text):
    """A Lua string."""
    return json.dumps(str(text), ensure_ascii=True).replace("\\/", "/")
