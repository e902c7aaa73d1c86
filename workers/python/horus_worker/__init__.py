"""The Horus language worker for CPython 3.9 and newer.

It speaks the FunctionRpc protocol (spec worker-protocol.md) over its own HTTP/2 and protobuf code, so it needs no
package of its own; the app brings `azure-functions`. Modules, from the wire up:

`http2` frames and flow control · `wire` protobuf · `messages` field tables · `datum` TypedData · `converters` the
library's converter registry · `function` what one function expects · `indexing` and `loading` the v2 and v1 programming
models · `invocation` arguments in, response out · `runner` and `pool` async tasks and threads · `streaming` the HTTP
server behind the host's proxy · `dispatch` one method per host message · `startup` command line and process life.
"""

VERSION = "1.0.0"
