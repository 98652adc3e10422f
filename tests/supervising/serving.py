"""A process for the supervisor: announces itself and answers /health with what is in a file.

python -m tests.supervising.serving RUN_DIRECTORY HEALTH_FILE
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Answering(BaseHTTPRequestHandler):
    def do_GET(self):
        body = Path(sys.argv[2]).read_bytes()
        self.send_response(200 if json.loads(body)["healthy"] else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", 0), Answering)
    run = Path(sys.argv[1])
    run.mkdir(parents=True, exist_ok=True)
    written = run / f".{os.getpid()}"
    written.write_text(json.dumps({"role": "worker", "address": f"http://127.0.0.1:{server.server_port}"}))
    written.rename(run / f"worker-{os.getpid()}.json")
    server.serve_forever()
