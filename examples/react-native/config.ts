/** Where things are. An emulator of Android reaches your machine as 10.0.2.2; a telephone by its name in your network. */
export const config = {
  ratchetUrl: 'http://localhost:3000',
  backendUrl: 'http://localhost:4000',
};
