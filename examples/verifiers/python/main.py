"""An API on Python's own server."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from access_token import AccessTokenVerifier, KeysUnavailable

url = os.environ.get("RATCHET_URL", "http://localhost:3000")
issuer = os.environ.get("ISSUER", url)
verifier = AccessTokenVerifier(
    url,
    issuer,
    os.environ.get("AUDIENCE", issuer),
    cooldown=float(os.environ.get("KEYS_COOLDOWN", "30")),
    lifespan=float(os.environ.get("KEYS_LIFESPAN", "300")),
)


class Api(BaseHTTPRequestHandler):
    def do_GET(self):
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        try:
            claims = verifier.verify(token if scheme.lower() == "bearer" else "")
        except KeysUnavailable:
            return self.answer(503, {"message": "try again"}, {"retry-after": "1"})
        if claims is None:
            return self.answer(401, {"message": "no good access token"}, {"www-authenticate": "Bearer"})
        return self.answer(200, {"subject": claims["sub"]})

    def answer(self, status, body, headers={}):
        text = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(text)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "4100"))), Api).serve_forever()
