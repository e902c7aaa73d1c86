"""Where the app's packages are: `.venv`, `.python_packages` and their relatives on `sys.path`."""
from __future__ import annotations

import importlib
import os
import site
import sys
from typing import List, Optional

_app_directory: Optional[str] = None
_added: List[str] = []
# Folders an app commonly keeps its environment in; uv, poetry and pdm use `.venv`, App Service builds `antenv`.
_VENV_FOLDERS = (".venv", "venv", "env", ".env", "antenv")
NAMESPACES = ("azure", "azurefunctions", "google")


def flag(name: str, default: bool = False) -> bool:
    """A boolean app setting, spelled the ways the platform accepts."""
    value = os.environ.get(name)
    if value is None or not value.strip():
        return default
    return value.strip().lower() in ("1", "true", "t", "yes", "y")


def _version() -> str:
    return "python%d.%d" % sys.version_info[:2]


def _venv_candidates(app: str) -> List[str]:
    found = [os.environ.get("VIRTUAL_ENV", ""), os.environ.get("UV_PROJECT_ENVIRONMENT", "")]
    found = [os.path.join(app, entry) for entry in found if entry]
    found += [os.path.join(app, folder) for folder in _VENV_FOLDERS]
    return [entry for entry in found if os.path.isfile(os.path.join(entry, "pyvenv.cfg"))]


def _site_packages(venv: str) -> str:
    if os.name == "nt":
        return os.path.join(venv, "Lib", "site-packages")
    return os.path.join(venv, "lib", _version(), "site-packages")


def package_folders(app: str) -> List[str]:
    """Folders with the app's packages for the running interpreter, most specific first."""
    local = os.path.join(app, ".python_packages", "lib")
    folders = [
        os.path.join(local, "site-packages"),
        os.path.join(local, _version(), "site-packages"),
        os.path.join(app, "__pypackages__", "%d.%d" % sys.version_info[:2], "lib"),
    ]
    for venv in _venv_candidates(app):
        if os.path.realpath(venv) != os.path.realpath(sys.prefix):
            folders.append(_site_packages(venv))
    return [folder for folder in folders if os.path.isdir(folder)]


def foreign_venv() -> Optional[str]:
    """A virtual environment of the app that was built for another Python version, for error texts."""
    if _app_directory is None:
        return None
    for venv in _venv_candidates(_app_directory):
        if os.path.realpath(venv) != os.path.realpath(sys.prefix) and not os.path.isdir(_site_packages(venv)):
            return venv
    return None


def use_app(app: str) -> None:
    """Puts the app's packages in front of `sys.path` and the app itself at its end.

    The end is where the reference worker puts it: a function folder called `requests` must not hide the package.
    `.pth` files are honoured, so editable installs work.
    """
    global _app_directory, _added
    app = os.path.abspath(app)
    _app_directory = app
    # A placeholder's own folders make room for the app's.
    sys.path[:] = [entry for entry in sys.path if entry not in _added]
    # Extensions of the library find their function through this variable.
    os.environ.setdefault("AzureWebJobsScriptRoot", app)
    front: List[str] = []
    for folder in package_folders(app):
        before = list(sys.path)
        site.addsitedir(folder)
        added = [entry for entry in sys.path if entry not in before]
        front += added if added else [folder]
    sys.path[:] = front + [entry for entry in sys.path if entry not in front and entry != app] + [app]
    _added = front + [app]
    sys.path_importer_cache.clear()
    importlib.invalidate_caches()


def forget_libraries() -> None:
    """Drops the platform's namespace packages, so that the next import takes the app's own versions."""
    for name in list(sys.modules):
        if name.partition(".")[0] in NAMESPACES:
            del sys.modules[name]
