import * as published from '@ackplus/nest-auth-client';

/** What the tests use of the client of nest-auth: its declarations import without extensions, which Node's rules do not find. */
export interface Client {
  refresh(): Promise<Tokens | null>;
  attachToFetch(): typeof fetch;
  getAccessToken(): Promise<string | null>;
  getIsAuthenticated(): boolean;
  onTokenRefreshed(callback: () => void): void;
  onLogout(callback: () => void): void;
}

/** A pair of tokens as the client gives it. */
export interface Tokens {
  accessToken: string;
  refreshToken: string;
}

/** How the client is made. */
export interface ClientConfig {
  baseUrl: string;
  storage: Storage;
  accessTokenType?: 'header' | 'cookie' | null;
  httpAdapter?: HttpAdapter;
  onTokenRefreshed?: (tokens: Tokens) => void;
  onLogout?: () => void;
}

/** Where the client keeps tokens. */
export interface Storage {
  get(key: string): string | null;
  set(key: string, value: string): void;
  keys(): string[];
}

/** How the client sends a request. */
export interface HttpAdapter {
  request(options: HttpRequest): Promise<HttpResponse>;
}

/** A request as the client hands it over. */
export interface HttpRequest {
  url: string;
  method: string;
  headers?: Record<string, string>;
  body?: unknown;
}

/** An answer as the client wants it. */
export interface HttpResponse {
  status: number;
  ok: boolean;
  data: unknown;
  headers: Record<string, string>;
}

/** What the client throws. */
export interface ClientError {
  message: string;
  code?: string;
  statusCode?: number;
  kind: 'rejected' | 'indeterminate';
}

/** The client of nest-auth, unchanged. */
export const { AuthClient, MemoryStorage } = published as unknown as {
  AuthClient: new (config: ClientConfig) => Client;
  MemoryStorage: new () => Storage;
};
