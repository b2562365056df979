import type { Type } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';
import type { Flaw } from '../core/refusal.js';
import { RefusalException } from '../http/errors/http-refusal.js';
import type { RefreshCookie } from '../http/refresh-cookie.js';
import { unknownMembers } from '../http/validation/unknown-members.js';

/** What a contract wants of a session that is handed over to it. */
export interface ExtrasOf {
  /** The cookie it reads refresh tokens from. */
  readonly cookie: RefreshCookie | undefined;
  /** The cookie it may give access tokens in. */
  readonly accessCookie: RefreshCookie | undefined;
  /** What it may be given to answer beside the tokens. */
  readonly extras: Type<object> | undefined;
}

/** The mounted contracts by name. */
export class ContractExtras {
  constructor(private readonly contracts: ReadonlyMap<string, ExtrasOf>) {}

  /** The cookies of a contract, or of the first that has one. @throws RefusalException if it is not mounted */
  cookiesOf(contract?: string): Partial<Pick<ExtrasOf, 'cookie' | 'accessCookie'>> {
    if (contract === undefined) return [...this.contracts.values()].find(({ cookie }) => cookie) ?? {};
    const contractExtras = this.contracts.get(contract);
    if (contractExtras) return contractExtras;
    throw invalid([this.unknown('contract')]);
  }

  /** Holds what is given for each contract against its DTO. @throws RefusalException */
  checkExtras(extras: Readonly<Record<string, unknown>>): void {
    const flaws = this.flawsIn(extras);
    if (flaws.length > 0) throw invalid(flaws);
  }

  /** What is wrong with what is given for each contract, by its DTO. */
  flawsIn(extras: Readonly<Record<string, unknown>>): readonly Flaw[] {
    return Object.entries(extras).flatMap(([contract, given]): Flaw[] => {
      const dto = this.contracts.get(contract)?.extras;
      if (!dto) return [this.unknown('extras')];
      if (typeof given !== 'object' || given === null || Array.isArray(given)) {
        return [{ in: 'body', name: 'extras', message: `extras.${contract} must be an object` }];
      }
      const unknown = unknownMembers(dto, given, 'body', `extras.${contract}.`);
      const errors = validateSync(plainToInstance(dto, given));
      return [
        ...unknown.map((flaw) => ({ ...flaw, name: 'extras' })),
        ...errors.flatMap((error) => flawsOf(error, contract)),
      ];
    });
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

function invalid(flaws: readonly Flaw[]): RefusalException {
  return new RefusalException({ reason: 'invalid_request', flaws });
}
