"""An object store of this run alone: SeaweedFS, as scripts/test installs it, with the settings of the tests."""

import datetime
import hashlib
import hmac
import http.client
import os
from urllib.parse import quote, urlencode

from benches.processes import Failure, Process, free_port, listens

KEY, SECRET, BUCKET, REGION = "cloakroombenches", "secretofthebenches", "cloakroom", "us-east-1"
PORTS = ["s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc"]


class Store:
    """A running store with an empty bucket; `host` is where it is."""

    def __init__(self, world):
        program = world.root / "tests/store/.venv/bin/weed"
        if not program.exists():
            raise Failure("SeaweedFS is missing: scripts/test installs it")
        directory = world.directory / "store"
        directory.mkdir()
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        command = [program, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={directory}", "-master.telemetry=false"]
        command += ["-master.volumeSizeLimitMB=1024", "-volume.max=100", "-s3", "-s3.iam=false", "-s3.autoCreateBucket=false"]
        command += ["-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.port={self.port}"]
        command += [f"-{name}={free_port()}" for name in PORTS]
        environment = os.environ | {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
        log = world.directory / "store.log"
        self.process = world.start(Process("SeaweedFS", command, log, env=environment))
        self.process.wait_until(lambda: listens(self.port))
        self.process.wait_until(lambda: self.put(f"/{BUCKET}") == 200)

    @property
    def settings(self):
        """What Cloakroom has to know of it."""
        return {
            "STORAGE": "s3",
            "S3_ENDPOINT": f"http://{self.host}",
            "S3_BUCKET": BUCKET,
            "S3_ACCESS_KEY_ID": KEY,
            "S3_SECRET_ACCESS_KEY": SECRET,
        }

    def put(self, path):
        """The status of a PUT without bytes; 0 when there is no answer."""
        connection = http.client.HTTPConnection(self.host, timeout=10)
        try:
            connection.request("PUT", f"{path}?{self.sign('PUT', path)}")
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def sign(self, method, path):
        """A query that is good for such a request for an hour."""
        now = datetime.datetime.now(datetime.timezone.utc)
        moment, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        scope = f"{day}/{REGION}/s3/aws4_request"
        query = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{KEY}/{scope}",
            "X-Amz-Date": moment,
            "X-Amz-Expires": "3600",
            "X-Amz-SignedHeaders": "host",
        }
        query = urlencode(query, quote_via=quote, safe="-_.~")
        canonical = "\n".join([method, path, query, f"host:{self.host}\n", "host", "UNSIGNED-PAYLOAD"])
        signed = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = f"AWS4{SECRET}".encode()
        for part in [day, REGION, "s3", "aws4_request", signed]:
            key = hmac.digest(key, part.encode(), "sha256")
        return f"{query}&X-Amz-Signature={key.hex()}"
