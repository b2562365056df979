import { ArrayUnique, IsArray, IsIn, Matches, ValidateIf } from 'class-validator';

/** The second factors that the contract knows. */
export const MFA_METHODS = ['email', 'sms', 'totp'] as const;

/** A second factor. */
export type MfaMethod = (typeof MFA_METHODS)[number];

// Not IsOptional: that would let null pass, and it would be answered.
const IfGiven = (): PropertyDecorator => ValidateIf((_extras, value) => value !== undefined);

/** What a login backend gives at POST /sessions, as `extras: {"nest-auth": {...}}`, for refreshes to answer. */
export class NestAuthExtrasDto {
  @IfGiven()
  @IsIn(MFA_METHODS, { each: true })
  @ArrayUnique()
  @IsArray()
  mfaMethods?: MfaMethod[];

  @IfGiven()
  @IsIn(MFA_METHODS)
  defaultMfaMethod?: MfaMethod;

  @IfGiven()
  @Matches(/^[\x21-\x7e]{1,512}$/, {
    message: 'trustToken must be 1 to 512 visible ASCII characters, since a header will carry it',
  })
  trustToken?: string;
}
