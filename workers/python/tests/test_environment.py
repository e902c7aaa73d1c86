"""Packages in the app's own folders, whatever interpreter runs the worker."""
import subprocess
import sys

import pytest
from fake_host import WORKER, http, text

APP = """
    import azure.functions as func
    import probe
    import worker_name_clash
    import worker
    app = func.FunctionApp()

    @app.route(route="x")
    def ok(req: func.HttpRequest):
        return probe.WHERE + " " + worker.NAME
"""
EXTRAS = {"worker_name_clash.py": "", "worker.py": "NAME = 'app-worker'\n"}
VERSION = "python%d.%d" % sys.version_info[:2]


@pytest.mark.parametrize("folder", [
    ".python_packages/lib/site-packages",
    ".python_packages/lib/%s/site-packages" % VERSION,
    ".venv/lib/%s/site-packages" % VERSION,
    "antenv/lib/%s/site-packages" % VERSION,
])
def test_packages_in_the_apps_folders_are_found(start_host, folder):
    files = {"function_app.py": APP, folder + "/probe.py": "WHERE = %r\n" % folder, **EXTRAS}
    venv = folder.split("/")[0]
    if "packages" not in venv:
        files[venv + "/pyvenv.cfg"] = "home = /usr/bin\n"
    assert start_host(files).start().call("ok", {"req": http()}).return_value.string == folder + " app-worker"


def test_pth_files_make_editable_installs_work(start_host, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "probe.py").write_text("WHERE = 'editable'\n")
    host = start_host({
        "function_app.py": APP, ".venv/pyvenv.cfg": "", **EXTRAS,
        ".venv/lib/%s/site-packages/dev.pth" % VERSION: "%s\n" % elsewhere})
    assert host.start().call("ok", {"req": http()}).return_value.string == "editable app-worker"


def test_a_venv_for_another_python_is_named_in_the_error(start_host):
    host = start_host({
        "function_app.py": "import missing_thing\n", ".venv/pyvenv.cfg": "",
        ".venv/lib/python3.7/site-packages/missing_thing.py": ""})
    host.init()
    message = host.metadata().result.exception.message
    assert "Add 'missing_thing' to requirements.txt" in message
    assert ".venv belongs to another Python version than the running %d.%d" % sys.version_info[:2] in message


def test_the_library_in_the_apps_venv_serves_a_bare_interpreter(start_host, tmp_path):
    """The interpreter has no packages at all; everything comes from the app's .venv of the same version."""
    import azure.functions
    import pathlib
    import werkzeug
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    source = """
        import azure.functions as func
        app = func.FunctionApp()
        @app.queue_trigger(arg_name="m", queue_name="q", connection="C")
        @app.queue_output(arg_name="out", queue_name="q", connection="C")
        def f(m: str, out: func.Out[str]):
            out.set(func.__file__)
    """
    host = start_host({"function_app.py": source, ".venv/pyvenv.cfg": "", "readme": ""},
                      python=str(bare / "bin" / "python"))
    site = host.app / ".venv" / "lib" / VERSION / "site-packages"
    site.mkdir(parents=True)
    installed = pathlib.Path(azure.functions.__file__).parents[2]
    for name in ("azure", "werkzeug", "markupsafe"):
        (site / name).symlink_to(installed / name)
    assert pathlib.Path(werkzeug.__file__).parents[1] == installed
    answer = host.start().call("f", {"m": text("x")})
    assert answer.output_data[0].data.string.startswith(str(site))


def test_the_worker_leaves_no_trace_on_sys_path(start_host):
    source = """
        import azure.functions as func, sys, json
        app = func.FunctionApp()
        @app.route(route="x")
        def ok(req: func.HttpRequest):
            return json.dumps(sys.path)
    """
    host = start_host({"function_app.py": source})
    import json
    path = json.loads(host.start().call("ok", {"req": http()}).return_value.string)
    assert str(WORKER.parent) not in path and path[-1] == str(host.app)
