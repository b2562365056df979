// Compiles as long as expo-secure-store is a storage as it is.
import * as SecureStore from 'expo-secure-store';
import type { SecureStorage } from './session';

export const storage: SecureStorage = SecureStore;
