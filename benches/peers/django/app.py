"""The classic form of this design, to measure against: Django REST framework decides, nginx sends the bytes."""

import os
from pathlib import Path

import django
from django.conf import settings

STATE = Path(os.environ["PEER_STATE"])

settings.configure(
    DEBUG=False,
    SECRET_KEY="a benchmark has no secrets",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "rest_framework",
        "rest_framework.authtoken",
        "files",
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": STATE / "db.sqlite3",
            "CONN_MAX_AGE": None,  # a connection for each thread, kept
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    MEDIA_ROOT=STATE / "media",
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
)
django.setup()

# Only now: these look at the settings as they are imported.
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import include, path  # noqa: E402
from files.views import FileViewSet  # noqa: E402
from rest_framework.routers import SimpleRouter  # noqa: E402

router = SimpleRouter()
router.register("files", FileViewSet)
urlpatterns = [path("", include(router.urls))]
application = get_wsgi_application()
