"""Serves S3 and STS by moto on a free port of 127.0.0.1, and prints the port.

One request after another: moto's own server has threads, in which two conditional creators of one name can both win.
"""

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

application = DomainDispatcherApplication(create_backend_app)
server = make_server(
    "127.0.0.1", 0, application, threaded=False, request_handler=MotoRequestHandler
)
print(f"listening on {server.port}", flush=True)
server.serve_forever()
