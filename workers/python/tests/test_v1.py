"""The v1 programming model: function.json folders, loaded one by one."""
from fake_host import App, Success, http, pb, text

HTTP = [{"name": "req", "type": "httpTrigger"}, {"name": "$return", "type": "http", "direction": "out"}]


def serve(host, *functions):
    """Loads functions (name, bindings, options) and returns the app; each has to load."""
    host.init()
    metadata = host.metadata()
    assert metadata.use_default_metadata_indexing and metadata.result.status == Success
    ids = {}
    for name, bindings, *options in functions:
        function_id, response = host.load_v1(name, bindings, **(options[0] if options else {}))
        assert response.result.status == Success, response.result.exception
        ids[name] = function_id
    return App(host, ids, {})


def test_main_in_init_with_out_parameter_and_shared_code(start_host):
    host = start_host({
        "shared/__init__.py": "",
        "shared/words.py": "GREETING = 'Hi'",
        "Greet/__init__.py": """
            import azure.functions as func
            from __app__.shared import words
            from shared import words as again
            from . import local

            def main(req: func.HttpRequest, msg: func.Out[func.QueueMessage],
                     context: func.Context) -> func.HttpResponse:
                msg.set(func.QueueMessage(id="7", body=b"queued"))
                return func.HttpResponse(f"{words.GREETING} {local.NAME} {context.function_name} "
                                         f"{context.function_directory.endswith('Greet')}")
        """,
        "Greet/local.py": "NAME = 'local'",
    })
    app = serve(host, ("Greet", HTTP + [{"name": "msg", "type": "queue", "direction": "out"}]))
    answer = app.call("Greet", {"req": http()})
    assert answer.return_value.http.body.bytes == b"Hi local Greet True"
    assert answer.output_data[0].name == "msg"
    assert answer.output_data[0].data.json == '{"id": "7", "body": "queued"}'


def test_script_file_and_entry_point(start_host):
    host = start_host({
        "A/handler.py": "async def run(req):\n    return 'from handler'\n",
        "lib/other.py": "def go(req):\n    return 'from lib'\n",
        "B/function.json": "{}",
    })
    app = serve(
        host,
        ("A", HTTP, {"script": str(host.app / "A" / "handler.py"), "entry_point": "run"}),
        ("B", HTTP, {"script": str(host.app / "lib" / "other.py"), "entry_point": "go"}),
    )
    assert app.call("A", {"req": http()}).return_value.string == "from handler"
    assert app.call("B", {"req": http()}).return_value.string == "from lib"


def test_a_load_failure_stays_with_its_function(start_host):
    host = start_host({
        "Good/__init__.py": "def main(req):\n    return 'ok'\n",
        "NoMain/__init__.py": "x = 1\n",
        "Missing/__init__.py": "import yaml_that_is_missing.deep\ndef main(req): pass\n",
        "Syntax/__init__.py": "def main(req:\n    pass\n",
        "Exits/__init__.py": "import sys\nsys.exit(3)\n",
        "Extra/__init__.py": "def main(req, other): pass\n",
        "Fewer/__init__.py": "def main(): pass\n",
        "InOut/__init__.py": "def main(req): pass\n",
        "BadType/__init__.py": "def main(req: int): pass\n",
        "BadOut/__init__.py": "def main(req, o: str): pass\n",
        "Unresolved/__init__.py": "def main(req: 'Nowhere'): pass\n",
    })
    app = serve(host, ("Good", HTTP))

    def error(name, bindings=HTTP, **options):
        _, response = host.load_v1(name, bindings, **options)
        assert response.result.status == pb.StatusResult.Failure
        return response.result.exception

    assert "cannot load the NoMain function: function main() is not present in NoMain/__init__.py" in \
        error("NoMain").message
    missing = error("Missing")
    assert "ModuleNotFoundError: No module named 'yaml_that_is_missing'" in missing.message
    assert "Add 'yaml_that_is_missing' to requirements.txt and run: pip install -r requirements.txt" in missing.message
    assert "Missing/__init__.py" in missing.stack_trace and "horus_worker" not in missing.stack_trace
    assert "importlib" not in missing.stack_trace
    syntax = error("Syntax")
    assert syntax.message.startswith("SyntaxError:") and "Syntax/__init__.py" in syntax.stack_trace
    assert "SystemExit: 3" in error("Exits").message
    assert "declared in Python but not in function.json or a decorator: other" in error("Extra").message
    assert "declared in function.json or a decorator but not in Python: req" in error("Fewer").message
    inout = [{"name": "req", "type": "httpTrigger"}, {"name": "b", "type": "blob", "direction": "inout"}]
    assert '"inout" bindings are not supported' in error("InOut", inout).message
    assert 'type of req binding' in error("BadType").message and '"int"' in error("BadType").message
    out = HTTP + [{"name": "o", "type": "queue", "direction": "out"}]
    assert "not a subclass of azure.functions.Out" in error("BadOut", out).message
    assert "Nowhere" in error("Unresolved").message
    assert "is not relative to" in error("Good", script="/elsewhere/x.py").message
    assert "invalid Python filename" in error("Good", script=str(host.app / "Good" / "run.txt")).message
    assert app.call("Good", {"req": http()}).return_value.string == "ok"


def test_result_without_return_binding_is_a_failure(start_host):
    host = start_host({"Q/__init__.py": "def main(m: str):\n    return m\n"})
    app = serve(host, ("Q", [{"name": "m", "type": "queueTrigger"}]))
    answer = app.invoke("Q", {"m": text("x")})
    assert answer.result.status == pb.StatusResult.Failure
    assert "without a $return binding returned a non-None value" in answer.result.exception.message


def test_a_function_folder_does_not_hide_a_package(start_host):
    host = start_host({
        "werkzeug/__init__.py": "def main(req):\n    import werkzeug\n    return werkzeug.__file__\n",
    })
    app = serve(host, ("werkzeug", HTTP))
    assert "site-packages" in app.call("werkzeug", {"req": http()}).return_value.string
