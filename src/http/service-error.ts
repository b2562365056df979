import { HttpException } from '@nestjs/common';
import type { ApiErrorResponseDto } from './api-error.dto.js';

/** An error of the service's own APIs (sessions, metrics): its body and headers as they are sent. */
export class ServiceError extends HttpException {
  constructor(
    status: number,
    body: ApiErrorResponseDto & Record<string, unknown>,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(body, status);
  }
}
