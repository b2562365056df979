import type { Type } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';
import type { Flaw } from '../core/refusal.js';
import { FailedRequest } from '../http/failure.js';
import type { RefreshCookie } from '../http/refresh-cookie.js';

/** What a contract wants of a session that is handed over to it. */
export interface Handover {
  /** The cookie it reads refresh tokens from. */
  readonly cookie: RefreshCookie | undefined;
  /** What it may be given to answer beside the tokens. */
  readonly extras: Type<object> | undefined;
}

/** The mounted contracts by name. */
export class Handovers {
  constructor(private readonly contracts: ReadonlyMap<string, Handover>) {}

  /** The cookie of a contract, or of the first that has one. @throws FailedRequest if it is not mounted */
  cookieOf(contract?: string): RefreshCookie | undefined {
    if (contract === undefined) return [...this.contracts.values()].find(({ cookie }) => cookie)?.cookie;
    const handover = this.contracts.get(contract);
    if (handover) return handover.cookie;
    throw invalid([this.unknown('contract')]);
  }

  /** Holds what is given for each contract against its DTO. @throws FailedRequest */
  checkExtras(extras: Readonly<Record<string, unknown>>): void {
    const flaws = Object.entries(extras).flatMap(([contract, given]): Flaw[] => {
      const dto = this.contracts.get(contract)?.extras;
      if (!dto) return [this.unknown('extras')];
      if (typeof given !== 'object' || given === null || Array.isArray(given)) {
        return [{ in: 'body', name: 'extras', message: `extras.${contract} must be an object` }];
      }
      const errors = validateSync(plainToInstance(dto, given), {
        whitelist: true,
        forbidNonWhitelisted: true,
      });
      return errors.flatMap((error) => flawsOf(error, contract));
    });
    if (flaws.length > 0) throw invalid(flaws);
  }

  private unknown(name: string): Flaw {
    const known = [...this.contracts.keys()].join(', ');
    return {
      in: 'body',
      name,
      message: `${name} must name a contract that is mounted and takes it; mounted are ${known}`,
    };
  }
}

function flawsOf({ constraints = {} }: ValidationError, contract: string): Flaw[] {
  return Object.values(constraints).map((message) => ({
    in: 'body',
    name: 'extras',
    message: `extras.${contract}: ${message}`,
  }));
}

function invalid(flaws: readonly Flaw[]): FailedRequest {
  return new FailedRequest({ reason: 'invalid_request', flaws });
}
