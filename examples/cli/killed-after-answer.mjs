// Loaded before the tool by the test: the process is killed when the service has answered and nothing has been kept yet.
const fetchReally = globalThis.fetch;
globalThis.fetch = async (...request) => {
  const response = await fetchReally(...request);
  await response.text();
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => undefined);
};
