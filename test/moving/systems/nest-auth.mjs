// nest-auth as its documentation sets it up: on PostgreSQL, with passwords and sessions in the database.
import 'reflect-metadata';
import nestAuth from '@ackplus/nest-auth';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventEmitterModule } from '@nestjs/event-emitter';
import { TypeOrmModule } from '@nestjs/typeorm';

const { NestAuthModule, NestAuthEntities } = nestAuth;
class App {}
Module({
  imports: [
    EventEmitterModule.forRoot(),
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: process.env['DATABASE_URL'],
      entities: [...NestAuthEntities],
      synchronize: true,
    }),
    TypeOrmModule.forFeature([...NestAuthEntities]),
    NestAuthModule.forRoot({ appName: 'App', session: { jwt: { secret: process.env['SECRET'] } } }),
  ],
})(App);
const app = await NestFactory.create(App, { logger: ['error', 'warn'] });
await app.listen(Number(process.env['PORT']), '127.0.0.1');
console.log(`listening at ${await app.getUrl()}`);
process.once('SIGTERM', () => process.exit(0));
