// An API on Express with passport-jwt and jwks-rsa.
import express from 'express';
import jwksRsa from 'jwks-rsa';
import passport from 'passport';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { settings } from './settings.mjs';

const { url, issuer, audience, cooldown, lifespan, port } = settings(process.env);

passport.use(
  new Strategy(
    {
      jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
      secretOrKeyProvider: jwksRsa.passportJwtSecret({
        jwksUri: new URL('/.well-known/jwks.json', url).href,
        cacheMaxAge: lifespan * 1000,
        fetcher: fetchKeys(),
      }),
      // Without this line it refuses every token: it would take RS256 only.
      algorithms: ['ES256'],
      issuer,
      audience,
      // Gives header and payload to the function below, else it would be shown no `typ`.
      jsonWebTokenOptions: { complete: true, clockTolerance: 5 },
    },
    ({ header, payload }, done) => {
      const isAccessToken = header.typ === 'at+jwt' && Boolean(payload.sub && payload.exp) && !payload.cnf;
      done(null, isAccessToken && payload);
    },
  ),
);

/**
 * Fetches the keys, at most once a cool-down; in between and while the service is down it gives those that it has.
 * (The `rateLimit` of jwks-rsa lets strangers with invented key ids use it up, and then refuses good tokens for a minute.)
 */
function fetchKeys() {
  let askAgainAt = 0;
  let known, asking;
  return async (uri) => {
    if (Date.now() >= askAgainAt) {
      askAgainAt = Date.now() + (known ? cooldown : Math.min(cooldown, 1)) * 1000;
      asking = fetch(uri, { signal: AbortSignal.timeout(3000) })
        .then((response) => (response.ok ? response.json() : Promise.reject(new Error(response.statusText))))
        .then((keys) => (known = keys));
    }
    return asking.catch((error) => known ?? Promise.reject(error));
  };
}

/** passport says 401 to whatever went wrong. What went wrong with the keys says nothing of the token: 503. */
function authenticate(request, response, next) {
  passport.authenticate('jwt', { session: false }, (error, claims, info) => {
    if (error) return next(error);
    if (claims) {
      request.user = claims;
      return next();
    }
    const isOfTheToken =
      !info ||
      /^(JsonWebToken|TokenExpired|NotBefore)Error$/.test(info.name) ||
      info.message === 'No auth token';
    if (isOfTheToken)
      response.status(401).set('www-authenticate', 'Bearer').json({ message: 'no good access token' });
    else response.status(503).set('retry-after', '1').json({ message: 'try again' });
  })(request, response, next);
}

const app = express();
app.get('/', authenticate, (request, response) => response.json({ subject: request.user.sub }));
app.listen(port, '127.0.0.1');
