/** What each of the programs reads from its environment, and what `npm start` of the service makes of it. */
export function settings(env) {
  const url = env.RATCHET_URL ?? 'http://localhost:3000';
  return {
    url,
    issuer: env.ISSUER ?? url,
    audience: env.AUDIENCE ?? env.ISSUER ?? url,
    cooldown: Number(env.KEYS_COOLDOWN ?? 30),
    lifespan: Number(env.KEYS_LIFESPAN ?? 300),
    port: Number(env.PORT ?? 4100),
  };
}
