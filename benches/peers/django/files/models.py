"""A file, whom it belongs to, and whom it is shared with."""

from django.conf import settings
from django.db import models


def path_below_media(file, name):
    return f"files/{file.owner_id}/{name}"


class File(models.Model):
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    upload = models.FileField(upload_to=path_below_media)
    shared_with = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="shared_files")
    shared_with_authenticated = models.BooleanField(default=False)
