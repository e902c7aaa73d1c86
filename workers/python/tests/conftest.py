"""Fixtures: an app on disk and a worker that serves it."""
import pathlib
import sys
import textwrap

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(1, str(pathlib.Path(__file__).resolve().parent.parent))

from fake_host import Host  # noqa: E402


@pytest.fixture
def write_app(tmp_path):
    """Writes files (path -> source) as an app and returns its folder."""

    def write(files):
        app = tmp_path / "app"
        app.mkdir(exist_ok=True)
        for name, source in files.items():
            path = app / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(source))
        return app

    return write


@pytest.fixture
def start_host(write_app):
    """Starts a worker for files; stopped after the test."""
    hosts = []

    def start(files, **options):
        host = Host(write_app(files), **options)
        hosts.append(host)
        return host

    yield start
    for host in hosts:
        host.close()
