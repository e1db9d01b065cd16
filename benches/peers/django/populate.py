"""Makes an owner, a reader, and the owner's files, all shared with the reader; prints a token and where the files are.

populate.py COUNT SAMPLE: COUNT files of 1 KiB, SAMPLE of which have their bytes, then one each of 1 MiB and 100 MiB.
"""

import json
import os
import random
import sys

import app
from django.contrib.auth.models import User
from django.core.management import call_command
from files.models import File, path_below_media
from rest_framework.authtoken.models import Token

KIB, MIB = 1 << 10, 1 << 20


def main(count, sample):
    call_command("migrate", run_syncdb=True, verbosity=0)
    owner, reader = (User.objects.create_user(name, password=name) for name in ("owner", "reader"))

    sizes = [KIB] * count + [MIB, 100 * MIB]
    files = [File(owner=owner) for _ in sizes]
    for number, file in enumerate(files):
        file.upload.name = path_below_media(file, f"bench-{number:06}.bin")
    files = File.objects.bulk_create(files, batch_size=10_000)
    shares = File.shared_with.through
    shares.objects.bulk_create([shares(file=file, user=reader) for file in files], batch_size=10_000)

    paths = {}
    present = random.sample(range(count), min(sample, count)) + [count, count + 1]
    for number in present:
        content = app.STATE / "media" / files[number].upload.name
        content.parent.mkdir(parents=True, exist_ok=True)
        content.write_bytes(os.urandom(sizes[number]))
        paths.setdefault(sizes[number], []).append(f"/files/{files[number].id}/download/")
    print(json.dumps({"token": Token.objects.create(user=reader).key, "paths": paths}))


main(*map(int, sys.argv[1:]))
