"""A PostgreSQL cluster of this run alone, with the settings that PostgreSQL comes with."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from benches.processes import Failure, Process, free_port, run, user_exists


class Cluster:
    """A running server; `create(name)` returns the URL of a new database in it."""

    def __init__(self, world):
        programs = directory_of_programs()
        if programs is None:
            raise Failure("PostgreSQL is missing")
        home = world.directory / "postgres"
        home.mkdir()
        # PostgreSQL refuses to run as root.
        user = None
        if os.geteuid() == 0:
            user = "postgres" if user_exists("postgres") else "nobody"
            shutil.chown(home, user)
            world.directory.chmod(0o711)
        data = home / "data"
        run(
            [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
            + ["--locale=C.UTF-8", "--no-sync"],
            user=user,
            cwd="/",
        )
        port = free_port()
        self.process = world.start(
            Process(
                "PostgreSQL",
                [programs / "postgres", "-D", data, "-p", port, "-k", home, "-c", "listen_addresses=127.0.0.1"],
                world.directory / "postgres.log",
                user=user,
                cwd="/",
                stop_signal=signal.SIGINT,
            )
        )
        self.server = f"postgres://postgres@127.0.0.1:{port}"
        self.process.wait_until(lambda: takes_connections(port))

    def create(self, name):
        run(["psql", "-q", f"{self.server}/postgres", "-c", f"CREATE DATABASE {name}"])
        return f"{self.server}/{name}"


def takes_connections(port):
    """It listens a while before it does."""
    return subprocess.run(["pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)], check=False).returncode == 0


def directory_of_programs():
    """Debian keeps initdb and postgres out of PATH, by version."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    found = versions[-1] if versions else shutil.which("initdb")
    return Path(found).parent if found else None
