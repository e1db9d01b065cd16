"""What Cloakroom is measured against: the upstream that decides nothing, nginx alone, Django, graphql-yoga, @tus/server."""

import json
import os
import shutil
import sys

from benches import nginx
from benches.populate import KIB, write_random
from benches.processes import Failure, Process, free_port, listens, run

# The path that constant_upstream answers.
CONSTANT_CONTENT = "00/00/00000000000000000000000000000000"


class Constant:
    """The constant upstream behind the nginx configuration of Cloakroom; with a database, it runs SELECT 1 first."""

    def __init__(self, world, name, database_url=None):
        directory = world.directory / name
        self.content = directory / "content" / CONSTANT_CONTENT
        self.content.parent.mkdir(parents=True)
        socket = directory / "socket"
        arguments = [f"unix:{socket}", *([database_url] if database_url else [])]
        process = constant_upstream(world, name, arguments)
        process.wait_until(lambda: listens(socket))
        site = nginx.cloakroom_site(world.root, socket, directory / "content")
        self.port = nginx.Nginx(world, name, site).port

    def serve(self, size):
        """From now on every request gets a file of `size` bytes."""
        if not self.content.exists() or self.content.stat().st_size != size:
            write_random(self.content, size)


def constant_port(world):
    """The port of a constant upstream without nginx."""
    port = free_port()
    constant_upstream(world, "constant-direct", [f"127.0.0.1:{port}"]).wait_until(lambda: listens(port))
    return port


def constant_upstream(world, name, arguments):
    program = world.example("constant_upstream")
    return world.start(Process(f"constant upstream ({name})", [program, *arguments], world.directory / f"{name}.log"))


def static(world, content_dir):
    """The port of an nginx that serves the content directory to everybody."""
    return nginx.Nginx(world, "static", nginx.site(nginx.STATIC, root=content_dir)).port


class Dav:
    """nginx that writes the body of a PUT to a file in `root`."""

    def __init__(self, world):
        if b"--with-http_dav_module" not in run(["sh", "-c", "nginx -V 2>&1"]):
            raise Failure("this nginx has no DAV module")
        self.root = world.directory / "dav"
        self.root.mkdir()
        self.port = nginx.Nginx(world, "dav", nginx.site(nginx.DAV, root=self.root)).port


class Django:
    """The Django peer behind nginx: `paths[size]` are its downloads, `headers` what a reader sends."""

    def __init__(self, world):
        source = world.root / "benches/peers/django"
        state = world.directory / "django"
        state.mkdir()
        python = self.environment(world, source / "requirements.txt")
        environment = os.environ | {"PEER_STATE": str(state), "PYTHONDONTWRITEBYTECODE": "1"}
        populate = [python, source / "populate.py", world.settings.files, world.settings.sample(KIB)]
        made = json.loads(run(populate, cwd=source, env=environment))
        self.paths = {int(size): paths for size, paths in made["paths"].items()}
        self.headers = {"Authorization": f"Token {made['token']}"}
        socket = state / "socket"
        process = world.start(
            Process(
                "Django",
                [python, "-m", "gunicorn", "-w", "2", "-k", "gthread", "--threads", "4"]
                + ["--bind", f"unix:{socket}", "app:application"],
                world.directory / "django.log",
                cwd=source,
                env=environment,
            )
        )
        process.wait_until(lambda: listens(socket))
        site = nginx.site(nginx.DJANGO, socket=socket, media=state / "media")
        self.port = nginx.Nginx(world, "django", site).port

    @staticmethod
    def environment(world, requirements):
        """A Python with the peer's packages, kept between runs."""
        directory = world.target / "bench/django"
        done = directory / "requirements.txt"
        if not done.exists() or done.read_text() != requirements.read_text():
            shutil.rmtree(directory, ignore_errors=True)
            run([sys.executable, "-m", "venv", directory])
            run([directory / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements])
            shutil.copy(requirements, done)
        return directory / "bin/python"


def node_program(world, name, *options):
    """The server of a peer that runs on Node, beside the packages that it needs. They are kept between runs."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Failure(f"{name} needs Node and npm")
    source, directory = world.root / "benches/peers" / name, world.target / "bench" / name
    lock, done = source / "package-lock.json", directory / "done.json"
    if not done.exists() or done.read_text() != lock.read_text():
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(source, directory, ignore=shutil.ignore_patterns("node_modules"))
        run(["npm", "ci", "--no-fund", "--no-audit", *options], cwd=directory)
        shutil.copy(lock, done)
    for program in source.glob("*.mjs"):
        shutil.copy(program, directory)
    return directory / "server.mjs"


class Yoga:
    """graphql-yoga over the database of a Cloakroom, which may be a file of SQLite's or a URL."""

    def __init__(self, world, name, database):
        # One of its packages is compiled when it is installed.
        program = node_program(world, "yoga")
        self.port = free_port()
        log = world.directory / f"yoga-{name}.log"
        self.process = world.start(Process("graphql-yoga", ["node", program, database, self.port], log))
        self.process.wait_until(lambda: listens(self.port))


class TusServer:
    """@tus/server, which stores in `root`: behind nginx as Cloakroom is, or else on a port of its own. `same_work`: it hashes
    and syncs what it has received."""

    def __init__(self, world, name, *, same_work=False, behind_nginx=True):
        self.world = world
        self.name = name
        self.root = world.directory / name
        self.root.mkdir()
        self.arguments = [self.root, *(["same-work"] if same_work else [])]
        self.socket = world.directory / f"{name}.socket"
        self.port = free_port()
        self.address = self.socket if behind_nginx else self.port
        self.start()
        if behind_nginx:
            self.port = nginx.Nginx(world, name, nginx.cloakroom_site(world.root, self.socket, self.root)).port

    def start(self):
        program = node_program(self.world, "tus-server", "--ignore-scripts")
        log = self.world.directory / f"{self.name}.log"
        command = ["node", program, self.address, *self.arguments]
        self.process = self.world.start(Process("@tus/server", command, log))
        self.process.wait_until(lambda: listens(self.address))

    def restart(self):
        self.process.stop()
        self.start()
