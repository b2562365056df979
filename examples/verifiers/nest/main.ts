// An API on NestJS.
import 'reflect-metadata';
import { Controller, Get, Module, Req, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { settings } from '../settings.mjs';
import { AccessTokenGuard, type AuthorizedRequest } from './access-token.guard.js';

@Controller()
@UseGuards(AccessTokenGuard)
class SubjectController {
  @Get()
  read(@Req() request: AuthorizedRequest): { subject: string | undefined } {
    return { subject: request.user?.sub };
  }
}

@Module({ controllers: [SubjectController] })
class ApiModule {}

const app = await NestFactory.create(ApiModule, new FastifyAdapter(), { logger: ['error', 'warn'] });
await app.listen(settings(process.env).port, '127.0.0.1');
