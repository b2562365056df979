import 'reflect-metadata';
import { ValidationPipe, type Type } from '@nestjs/common';
import { Transform, Type as TypeOf } from 'class-transformer';
import { IsArray, IsInt, IsOptional, IsString, Length, ValidateNested } from 'class-validator';
import fc from 'fast-check';
import { NestAuthRefreshTokenRequestDto } from '../../../src/contracts/nest-auth/nest-auth.dto.ts';
import { RefreshBodyDto } from '../../../src/contracts/plec/plec.dto.ts';
import { flatReader } from '../../../src/http/validation/flat-reader.ts';

class PersonDto {
  @IsOptional()
  @IsString()
  @Length(1, 3)
  name?: string;

  @IsInt()
  age!: number;
}

class NestedDto {
  @ValidateNested()
  @TypeOf(() => PersonDto)
  person!: PersonDto;
}

class TrimmedDto {
  @Transform(({ value }) => String(value).trim())
  @IsString()
  name!: string;
}

class NumberedDto {
  @TypeOf(() => Number)
  @IsInt()
  limit!: number;
}

class ListDto {
  @IsArray()
  @IsString({ each: true })
  names!: string[];
}

class BareDto {
  name?: string;
}

const pipe = new ValidationPipe({ transform: true, whitelist: true, stopAtFirstError: true });
const members = ['refreshToken', 'dryRun', 'name', 'age', '__proto__', 'constructor', 'else'];
const scalars = fc.oneof(
  fc.string({ maxLength: 5 }),
  fc.constantFrom('true', 'false', 'x'.repeat(4_097)),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.constant(undefined),
);
const bodies = fc.oneof(
  { weight: 8, arbitrary: fc.dictionary(fc.constantFrom(...members), fc.oneof(scalars, fc.object())) },
  { weight: 1, arbitrary: scalars },
  { weight: 1, arbitrary: fc.array(scalars) },
);

describe('a flat reader', () => {
  test.each([RefreshBodyDto, NestAuthRefreshTokenRequestDto, PersonDto] as Type[])(
    'accepts of %p only what the pipe accepts, and gives the same',
    async (dto) => {
      const read = flatReader(dto)!;
      let accepted = 0;
      await fc.assert(
        fc.asyncProperty(bodies, async (body) => {
          const instance = read(structuredClone(body));
          if (instance === undefined) return;
          accepted++;
          expect(instance).toBeInstanceOf(dto);
          expect(instance).toEqual(await pipe.transform(body, { type: 'body', metatype: dto }));
        }),
        { numRuns: 1_000 },
      );
      expect(accepted).toBeGreaterThan(5);
    },
  );

  test('reads what came and drops what nobody asked for', () => {
    expect(flatReader(PersonDto)!({ name: 'ada', age: 36, admin: true })).toEqual({ name: 'ada', age: 36 });
  });

  test.each([NestedDto, TrimmedDto, NumberedDto, ListDto, BareDto] as Type[])('is not made for %p', (dto) => {
    expect(flatReader(dto)).toBeUndefined();
  });
});
