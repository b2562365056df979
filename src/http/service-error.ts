import { HttpException } from '@nestjs/common';

/** An error that one API alone knows: its body and headers as they are sent. */
export class ServiceError extends HttpException {
  constructor(
    status: number,
    body: Record<string, unknown>,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(body, status);
  }

  /** Why, in a word, for the log. */
  get reason(): string {
    const { code, error } = this.getResponse() as { code?: string; error?: string };
    return code ?? error ?? String(this.getStatus());
  }
}
