import 'reflect-metadata';
import { Body, Controller, HttpCode, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { RefreshBodyDto } from '../../src/contracts/plec/plec.dto.ts';
import { DtoValidation } from '../../src/http/validation/dto-validation.ts';

/** Answers what it was sent once it is found valid: the least that Nest on Fastify does with a refresh request. */
@Controller('auth')
class EchoController {
  @Post('refresh')
  @HttpCode(401)
  echo(@Body() body: RefreshBodyDto): RefreshBodyDto {
    return body;
  }
}

@Module({ controllers: [EchoController] })
class EchoModule {}

const app = await NestFactory.create<NestFastifyApplication>(EchoModule, new FastifyAdapter(), {
  logger: false,
});
app.useGlobalPipes(new DtoValidation());
await app.listen(0, '127.0.0.1');
process.stdout.write(`listening at ${await app.getUrl()}\n`);
