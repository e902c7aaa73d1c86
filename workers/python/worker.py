"""Entry point of the Horus Python language worker.

The host starts this file as `python worker.py --host … --port … --workerId … --requestId …` with the app's root as
working directory (spec worker-protocol.md §2.1). It only sorts out `sys.path` and hands over to `horus_worker`.
"""
import os
import sys

if sys.version_info < (3, 9):
    sys.stderr.write(
        "error: the Horus Python worker needs Python 3.9 or newer, this is %s (%s). Point "
        "languageWorkers__python__defaultExecutablePath at a newer interpreter.\n"
        % (sys.version.split()[0], sys.executable)
    )
    sys.exit(1)


def main() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    if here not in sys.path:
        sys.path.insert(0, here)
    # The whole package is loaded now: afterwards the worker's folder leaves sys.path, so that an app's own module
    # called `worker` is never shadowed by this file.
    from horus_worker import startup

    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.getcwd()) != here]
    startup.run(sys.argv[1:])


if __name__ == "__main__":
    main()
