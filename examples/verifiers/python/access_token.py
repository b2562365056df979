"""Verifies access tokens of Ratchet (RFC 9068) with PyJWT: the file to copy."""

import json
import threading
import time
import urllib.request

import jwt


class KeysUnavailable(Exception):
    """The keys cannot be had just now, which says nothing of the token: answer 503, not 401."""


class Keys(jwt.PyJWKClient):
    """PyJWKClient forgets its keys while the service is down, and fetches at each unknown kid. These do neither."""

    def __init__(self, uri, cooldown, lifespan):
        super().__init__(uri, cache_jwk_set=False)
        self.cooldown, self.lifespan = cooldown, lifespan
        self.known, self.fetched_at, self.asked_at = None, float("-inf"), float("-inf")
        self.lock = threading.Lock()

    def get_jwk_set(self, refresh=False):
        with self.lock:
            now = time.monotonic()
            is_stale = refresh or now - self.fetched_at >= self.lifespan
            cooldown = self.cooldown if self.known else min(self.cooldown, 1)
            if is_stale and now - self.asked_at >= cooldown:
                self.asked_at = now
                try:
                    with urllib.request.urlopen(self.uri, timeout=3) as response:
                        self.known = jwt.PyJWKSet.from_dict(json.load(response))
                    self.fetched_at = now
                except (OSError, ValueError, jwt.PyJWTError):
                    pass
            if self.known is None:
                raise KeysUnavailable(f"no keys from {self.uri}")
            return self.known


class AccessTokenVerifier:
    """
    url: where the service is. issuer: its ISSUER, to the letter. audience: its AUDIENCE, or what the sessions are opened
    with. cooldown: seconds from one question for the keys to the next. lifespan: seconds until keys are asked for again.
    """

    def __init__(self, url, issuer, audience, cooldown=30, lifespan=300):
        self.keys = Keys(f"{url}/.well-known/jwks.json", cooldown, lifespan)
        self.issuer, self.audience = issuer, audience

    def verify(self, token):
        """The claims of a good access token; None if it is none. Raises KeysUnavailable."""
        try:
            header = jwt.get_unverified_header(token)
            if header.get("typ") != "at+jwt":
                return None
            claims = jwt.decode(
                token,
                self.keys.get_signing_key(header.get("kid")).key,
                algorithms=["ES256"],
                issuer=self.issuer,
                audience=self.audience,
                leeway=5,
                options={"require": ["iss", "aud", "sub", "exp"]},
            )
        except jwt.PyJWTError:
            return None
        # Bound to a key (RFC 9449): without a proof of that key, it may have been stolen.
        return None if "cnf" in claims else claims
