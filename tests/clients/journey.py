"""The journey with gql, over the transport that is named: requests, httpx or aiohttp.

    python journey.py <base URL> requests|httpx|aiohttp

Sign up with a cookie, upload, list, share; then, as somebody else with an API token, ask for a ticket and download.
"""

import asyncio
import inspect
import io
import re
import sys
import tempfile
import urllib.parse
from pathlib import Path

import aiohttp
import httpx
import requests
from gql import Client, FileVar, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport, HTTPXTransport
from gql.transport.requests import RequestsHTTPTransport

PASSWORD = "correct horse battery"
NAME = "naïve café – 名前 👩‍👧.txt"
BYTES = bytes((at * 31 + (at >> 8)) % 256 for at in range(300_000))

SIGN_UP = """
    mutation SignUp($username: String!, $password: String!) {
      signUp(username: $username, password: $password) { id username }
    }
"""
ME = "query Me { me { username } }"
CREATE_TOKEN = 'mutation CreateToken { createApiToken(name: "script", scopes: [READ]) { secret } }'
UPLOAD = "mutation Upload($file: Upload!) { uploadFile(file: $file) { id name size } }"
UPLOAD_TWO = "mutation UploadTwo($files: [Upload!]!) { uploadFiles(files: $files) { name size } }"
LIST = "query List { files(first: 2) { nodes { id } pageInfo { hasNextPage } } }"
SHARE = """
    mutation Share($file: ID!, $username: String!) {
      shareWithUser(fileId: $file, username: $username) { user { username } }
    }
"""
SHARED = "query Shared { sharedWithMe { nodes { id name } } }"
TICKET = "query Ticket($file: ID!) { downloadTicket(fileId: $file) { url } }"
FILE = "query File($file: ID!) { file(id: $file) { id } }"


class Person:
    """Somebody with a client of their own, which stays open so that it keeps its cookies."""

    def __init__(self, transport, session):
        self.transport, self.session = transport, session

    @classmethod
    async def connect(cls, kind, url, headers=None):
        transport = {
            "requests": lambda: RequestsHTTPTransport(url=url, headers=headers),
            "httpx": lambda: HTTPXTransport(url=url, headers=headers),
            "httpx-async": lambda: HTTPXAsyncTransport(url=url, headers=headers),
            # The jar that aiohttp makes by itself drops the cookies of IP addresses.
            "aiohttp": lambda: AIOHTTPTransport(
                url=url,
                headers=headers,
                client_session_args={"cookie_jar": aiohttp.CookieJar(unsafe=True)},
            ),
        }[kind]()
        client = Client(transport=transport)
        session = await client.connect_async() if kind in ("httpx-async", "aiohttp") else client.connect_sync()
        return cls(transport, session or client.session)

    async def ask(self, document, uploads=False, **variables):
        request = gql(document)
        request.variable_values = variables
        answer = self.session.execute(request, upload_files=uploads)
        return await answer if inspect.isawaitable(answer) else answer


def file_name(disposition):
    """The name in `filename*` (RFC 8187)."""
    return urllib.parse.unquote(re.search(r"filename\*=UTF-8''([^;]+)", disposition)[1])


async def journey(base, kind):
    url = f"{base}/graphql"
    alice, bob = [await Person.connect(kind, url) for _ in range(2)]
    for person, username in [(alice, "alice"), (bob, "bob")]:
        await person.ask(SIGN_UP, username=username, password=PASSWORD)
        assert (await person.ask(ME))["me"]["username"] == username

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, NAME)
        path.write_bytes(BYTES)
        uploaded = (await alice.ask(UPLOAD, uploads=True, file=FileVar(str(path))))["uploadFile"]
    assert (uploaded["name"], uploaded["size"]) == (NAME, len(BYTES)), uploaded
    two = [FileVar(io.BytesIO(text), filename=name) for text, name in [(b"one", "1.txt"), (b"zwei", "2.txt")]]
    files = (await alice.ask(UPLOAD_TWO, uploads=True, files=two))["uploadFiles"]
    assert [(file["name"], file["size"]) for file in files] == [("1.txt", 3), ("2.txt", 4)], files
    listed = (await alice.ask(LIST))["files"]
    assert len(listed["nodes"]) == 2 and listed["pageInfo"]["hasNextPage"], listed

    secret = (await bob.ask(CREATE_TOKEN))["createApiToken"]["secret"]
    script = await Person.connect(kind, url, headers={"Authorization": f"Bearer {secret}"})
    try:
        await script.ask(FILE, file=uploaded["id"])
        raise AssertionError("a file that is not shared was found")
    except TransportQueryError as error:
        assert error.errors[0]["extensions"]["code"] == "NOT_FOUND", error.errors
    shared = await alice.ask(SHARE, file=uploaded["id"], username="bob")
    assert shared["shareWithUser"]["user"]["username"] == "bob", shared

    (seen,) = (await script.ask(SHARED))["sharedWithMe"]["nodes"]
    assert seen == {"id": uploaded["id"], "name": NAME}, seen
    ticket = (await script.ask(TICKET, file=seen["id"]))["downloadTicket"]["url"]
    headers, content = await download(kind, ticket)
    assert file_name(headers["content-disposition"]) == NAME, headers
    assert content == BYTES, "the bytes are the same"
    for person in (alice, bob, script):
        closed = person.transport.close()
        if inspect.isawaitable(closed):
            await closed


async def download(kind, url):
    """The headers and the bytes at `url`, by the library that the transport uses."""
    if kind == "aiohttp":
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            assert answer.status == 200, answer
            return answer.headers, await answer.read()
    answer = requests.get(url) if kind == "requests" else httpx.get(url)
    assert answer.status_code == 200, answer
    return answer.headers, answer.content


asyncio.run(journey(*sys.argv[1:]))
print("the journey is complete")
