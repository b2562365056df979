import { HttpException } from '@nestjs/common';
import type { RefusalDetail } from '../../core/refusal.js';

/** An error that one API alone knows: its body and headers as they are sent. */
export class ApiException extends HttpException {
  constructor(
    status: number,
    body: Record<string, unknown>,
    readonly headers: Readonly<Record<string, string>> = {},
    /** For the operator only. */
    readonly detail?: RefusalDetail,
  ) {
    super(body, status);
  }

  /** Why, in a word, for the log. */
  get reason(): string {
    const { code, error } = this.getResponse() as { code?: string; error?: string };
    return code ?? error ?? String(this.getStatus());
  }
}
