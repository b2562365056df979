/** Starts to listen, and says where. */
export function listen(server) {
  server.listen(Number(process.env['PORT']), '127.0.0.1', () =>
    console.log(`listening at http://127.0.0.1:${server.address().port}`),
  );
  process.once('SIGTERM', () => process.exit(0));
}
