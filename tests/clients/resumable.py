"""Uploads so many bytes over a network that cuts connections, and prints the id of the file.

Arguments: `tuspy` or `tus.py`, the endpoint, an API token, the number of bytes.
"""

import io
import sys
import time

import requests

which, endpoint, token, length = sys.argv[1:]
data = bytes(range(251)) * (int(length) // 251 + 1)
stream = io.BytesIO(data[: int(length)])
headers = {"Authorization": f"Bearer {token}"}

if which == "tuspy":
    from tusclient import client

    uploader = client.TusClient(endpoint, headers=headers).uploader(
        file_stream=stream,
        chunk_size=32 * 1024 * 1024,
        metadata={"filename": "large.bin"},
        retries=10,
        retry_delay=0.2,
    )
    uploader.upload()
    url = uploader.url
else:
    import tus

    url = tus.create(endpoint, "large.bin", int(length), headers=headers)
    for _ in range(10):
        try:
            tus.resume(stream, url, headers=headers, chunk_size=32 * 1024 * 1024)
            break
        except requests.exceptions.RequestException:
            time.sleep(0.2)

head = requests.head(url, headers={**headers, "Tus-Resumable": "1.0.0"})
print(head.headers["Cloakroom-File"])
