// For the test, in place of expo-secure-store, which there is on telephones only. `localStorage.broken` makes it one that
// fails, or one that never answers, as if the app were killed meanwhile.

export async function getItemAsync(key: string) {
  return localStorage.getItem(key);
}

export async function setItemAsync(key: string, value: string) {
  if (localStorage.getItem('broken') === 'fails') throw new Error('User interaction is not allowed');
  if (localStorage.getItem('broken') === 'hangs') await new Promise(() => undefined);
  localStorage.setItem(key, value);
}

export async function deleteItemAsync(key: string) {
  localStorage.removeItem(key);
}
