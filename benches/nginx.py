"""nginx in front of everything that is measured: one process each, all with the configuration that users deploy."""

import os
import signal

from benches.processes import Failure, Process, free_port, listens, run

# nginx alone: files without a question asked, and the body of a PUT written to a file. Files are sent as Cloakroom's are.
STATIC = """
server {{
    listen 127.0.0.1:{port};
    keepalive_requests 10000;
    output_buffers 2 128k;
    location / {{ root {root}; }}
}}
"""
DAV = """
server {{
    listen 127.0.0.1:{port};
    client_max_body_size 0;
    location / {{ root {root}; dav_methods PUT; create_full_put_path on; client_body_temp_path {root}/.body; }}
}}
"""
DJANGO = """
upstream django {{
    server unix:{socket};
    keepalive 64;
}}
server {{
    listen 127.0.0.1:{port};
    keepalive_requests 10000;
    output_buffers 2 128k;
    location /uploads/ {{ internal; alias {media}/; }}
    location / {{
        proxy_pass http://django;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
    }}
}}
"""


class Nginx:
    """A running nginx; `port` is where clients go."""

    def __init__(self, world, name, site):
        """`site` makes the text of a site from the port it is to listen on and a directory for its logs."""
        self.port = free_port()
        directory = world.directory / f"nginx-{name}"
        directory.mkdir()
        (directory / "site.conf").write_text(site(self.port, directory))
        run_as = "user root root;" if os.geteuid() == 0 else ""
        settings = {"RUN_AS": run_as, "RUN_DIR": directory, "LOG_DIR": directory, "SITE": directory / "site.conf"}
        (directory / "nginx.conf").write_text(render(world.root, "nginx.conf.template", settings))
        self.process = world.start(
            Process(
                f"nginx ({name})",
                ["nginx", "-p", directory, "-c", directory / "nginx.conf", "-e", directory / "start.log"],
                directory / "output.log",
                stop_signal=signal.SIGTERM,
            )
        )
        self.process.wait_until(lambda: listens(self.port))


def cloakroom_site(root, upstream, content_dir, change=None, store=None):
    """The site template for an upstream, a unix socket's path or a port: Cloakroom itself, or the constant one; or for several
    sockets. `change` is text of the template, and what it is replaced by. `store` is where content is, if it is no directory."""
    if isinstance(upstream, list):
        change = 'server "${UPSTREAM}";', " ".join(f'server "unix:{socket}";' for socket in upstream)

    def site(port, directory):
        files = store_files(root, directory, store) if store else ["", ""]
        settings = {
            "LISTEN": f"127.0.0.1:{port}",
            "SERVER_NAME": "_",
            "TLS": "",
            "UPSTREAM": f"127.0.0.1:{upstream}" if isinstance(upstream, int) else f"unix:{upstream}",
            "STORE": files[0],
            "STORE_UPSTREAM": files[1],
            "CONTENT_DIR": f"{content_dir}/",
            "MAX_BODY_SIZE": "4g",
            "LOG_DIR": directory,
        }
        template = (root / "nginx/cloakroom.conf.template").read_text()
        if change:
            was, is_now = change
            if was not in template:
                raise Failure(f"nginx/cloakroom.conf.template has no {was!r} any more")
            template = template.replace(was, is_now)
        if isinstance(upstream, list):
            del settings["UPSTREAM"]
        (directory / "site.template").write_text(template)
        return render(root, directory / "site.template", settings)

    return site


def store_files(root, directory, store):
    """What includes the configuration for a store."""
    settings = {
        "STORE_URL": f"http://cloakroom_store/{store.settings['S3_BUCKET']}/content/",
        "STORE_HOST": store.host,
        "STORE_NAME": "127.0.0.1",
        "STORE_CA": "/etc/ssl/certs/ca-certificates.crt",
        "STORE_SERVERS": f"server {store.host};",
    }
    includes = []
    for name in ["store", "store-upstream"]:
        path = directory / f"{name}.conf"
        template = (root / f"nginx/{name}.conf.template").read_text()
        named = {setting: value for setting, value in settings.items() if f"${{{setting}}}" in template}
        path.write_text(render(root, f"{name}.conf.template", named))
        includes.append(f'include "{path}";')
    return includes


def site(text, **settings):
    """One of the texts above."""
    return lambda port, _directory: text.format(port=port, **settings)


def render(root, template, settings):
    assignments = [f"{name}={value}" for name, value in settings.items()]
    return run([root / "nginx/render", root / "nginx" / template, *assignments]).decode()
