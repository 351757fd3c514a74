"""Horizon's own log-in as a site by itself: what browsers meet there, without the dashboards behind it.

Words: the address to listen on, that of Keystone, a folder for the sessions.
"""

import sys

import django
from django.conf import settings
from openstack_auth import defaults

listen, keystone, sessions = sys.argv[1:]

settings.configure(
    **{
        **{name: getattr(defaults, name) for name in dir(defaults) if name.isupper()},
        "SECRET_KEY": "of this test",
        "ALLOWED_HOSTS": ["*"],
        "ROOT_URLCONF": __name__,
        "INSTALLED_APPS": [
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "django.contrib.sessions",
            "django.contrib.messages",
            "openstack_auth",
        ],
        "MIDDLEWARE": [
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        "TEMPLATES": [
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "loaders": [
                        (
                            "django.template.loaders.locmem.Loader",
                            {"auth/login.html": "{% csrf_token %}{{ form.errors }}"},
                        )
                    ]
                },
            }
        ],
        "AUTHENTICATION_BACKENDS": ("openstack_auth.backend.KeystoneBackend",),
        "AUTHENTICATION_PLUGINS": [
            "openstack_auth.plugin.password.PasswordPlugin",
            "openstack_auth.plugin.token.TokenPlugin",
        ],
        "AUTH_USER_MODEL": "openstack_auth.User",
        "SESSION_ENGINE": "django.contrib.sessions.backends.file",
        "SESSION_FILE_PATH": sessions,
        "SESSION_SERIALIZER": "django.contrib.sessions.serializers.PickleSerializer",
        "SESSION_TIMEOUT": 3600,
        "SESSION_REFRESH": True,
        "USE_TZ": True,
        "WEBROOT": "/",
        "LOGIN_URL": "/auth/login/",
        "LOGOUT_URL": "/auth/logout/",
        "LOGIN_REDIRECT_URL": "/home/",
        "LOGIN_ERROR": "/auth/error/",
        "OPENSTACK_API_VERSIONS": {"identity": 3},
        "OPENSTACK_KEYSTONE_URL": keystone,
        "AVAILABLE_REGIONS": [(keystone, "default")],
        "WEBSSO_ENABLED": True,
        "WEBSSO_CHOICES": (("credentials", "Password"), ("corp", "Corp"), ("openid", "OpenID")),
        "WEBSSO_IDP_MAPPING": {"corp": ("company", "openid")},
    }
)
django.setup()

from django.core.management import execute_from_command_line
from django.http import JsonResponse
from django.urls import include, re_path
from openstack_auth import utils


def home(request):
    user = utils.get_user(request)
    if not user.is_authenticated:
        return JsonResponse({"user": None})
    roles = sorted(role["name"] for role in user.roles)
    return JsonResponse({"user": user.username, "project": user.project_name, "roles": roles})


urlpatterns = [re_path("^auth/", include("openstack_auth.urls")), re_path("^home/", home)]

if __name__ == "__main__":
    execute_from_command_line(["", "runserver", "--noreload", listen])
