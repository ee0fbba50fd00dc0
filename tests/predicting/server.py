"""A local server that speaks like OpenAI's chat completions, with the faults of real ones."""

import json
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pipeline.execution import shards


def gold_of(corpus):
    """Instruction -> the answer of the corpus."""
    return {
        row["instruction"]: row["output"]
        for path in corpus.glob("*/*.parquet")
        for row in shards.read(path, ["instruction", "output"]).to_pylist()
    }


@contextmanager
def serving(answer, faults=(), *, slow=0.0, pieces=False, takes_schema=True):
    """Yield (URL, requests seen, counts). `answer` maps messages to a text.

    The n-th request meets the n-th of `faults`: None, "429", "500", "cut", "hang", "refuse", "400",
    "nonsense"; after the last of them all goes well.
    """
    seen, counts, lock = [], Counter(), threading.Lock()
    left = iter(faults)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            self.reply(404, {"error": {"message": "this server lists no models"}})

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                seen.append(body)
                fault = next(left, None)
                counts[fault] += 1
            time.sleep(slow)
            if fault == "hang":
                time.sleep(2.5)
            if fault in {"cut", "hang"}:
                self.connection.close()
                return
            if fault in {"429", "500", "400", "401"}:
                more = {"Retry-After": "0.05"} if fault == "429" else {}
                self.reply(int(fault), {"error": {"message": f"fault {fault}"}}, **more)
                return
            if not takes_schema and "response_format" in body:
                counts["schema refused"] += 1
                self.reply(400, {"error": {"message": "response_format is not supported"}})
                return
            if fault == "nonsense":
                self.reply(200, {"object": "error"})
                return
            message = {"role": "assistant", "content": answer(body["messages"])}
            if fault == "refuse":
                message = {"role": "assistant", "content": None, "refusal": "I cannot help."}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
            about = {"id": "x", "object": "chat.completion", "created": 0, "model": body["model"]}
            self.reply(200, {**about, "choices": [choice], "usage": usage})

        def reply(self, status, value, **headers):
            content = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            for name, text in headers.items():
                self.send_header(name.replace("_", "-"), text)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            step = 7 if pieces else len(content)
            for start in range(0, len(content), step):
                self.wfile.write(content[start : start + step])
                self.wfile.flush()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", seen, counts
    finally:
        server.shutdown()
        server.server_close()
