import { Controller, Get, Inject, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { isUUID } from 'class-validator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RateLimiter } from '../../auth/rate-limiter.js';
import type { Config } from '../../config/config.js';
import { CONFIG } from '../../config/config.module.js';
import { isText } from '../../core/one-line.js';
import { holdTo, networkOf } from '../../http/address-limit.guard.js';
import { RefusalException } from '../../http/errors/http-refusal.js';
import { recordOf } from '../../http/request-record.js';
import { ServiceKeys } from '../../http/service-keys.js';
import { HistoryService } from '../history/history.service.js';
import { cursorIn } from '../session-view.js';
import { SessionsService } from '../sessions.service.js';
import { CONSOLE_HEADERS } from './console-api.js';
import { ConsoleSessions } from './console-session.js';
import { ConsoleGuard, SignedInGuard, signedIn } from './console.guard.js';
import { LivePicture } from './live-picture.js';
import { query, whole, type Page } from './layout.js';
import { endPage, inspectPage, sessionPage, signInPage, startPage, subjectPage, type Ends } from './pages.js';
import { SignInFilter } from './sign-in.filter.js';
import { SCRIPT, STYLE } from './style.js';

const PAGE = 20;
const LONGEST_TOKEN = 4096;

/** The console: what support does by the sessions API, by hand. Pages and forms; none of them needs a script. */
@ApiExcludeController()
@Controller('console')
@UseGuards(ConsoleGuard)
@UseFilters(SignInFilter)
export class ConsoleController {
  private readonly keys: ServiceKeys;

  constructor(
    @Inject(CONFIG) config: Config,
    private readonly consoleSessions: ConsoleSessions,
    private readonly limiter: RateLimiter,
    private readonly sessions: SessionsService,
    private readonly history: HistoryService,
    private readonly picture: LivePicture,
  ) {
    const may = config.serviceKeys.filter(
      ({ roles }) => roles.includes('support') || roles.includes('sessions'),
    );
    this.keys = new ServiceKeys(may);
  }

  @Get('style.css')
  style(@Res() reply: FastifyReply): void {
    void reply.headers({ 'cache-control': 'no-cache' }).type('text/css').send(STYLE);
  }

  @Get('live.js')
  script(@Res() reply: FastifyReply): void {
    void reply.headers({ 'cache-control': 'no-cache' }).type('text/javascript').send(SCRIPT);
  }

  @Get('sign-in')
  signInForm(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    send(reply, signInPage(ownPath(parameter(request, 'next'))));
  }

  @Post('sign-in')
  async signIn(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const next = ownPath(field(request, 'next'));
    const key = this.keys.find(field(request, 'key') ?? '');
    if (!key) {
      holdTo(await this.limiter.wrongServiceKey(networkOf(request)), reply, 'service_key_limit');
      Object.assign(recordOf(request), { outcome: 'refused', reason: 'wrong_service_key' });
      reply.status(401).header('www-authenticate', 'Bearer realm="ratchet"');
      send(
        reply,
        signInPage(next, 'This is no service key with the role support or sessions. Send the secret alone.'),
      );
      return;
    }
    recordOf(request).serviceKey = key.name;
    this.consoleSessions.write(request, reply, key);
    await reply.redirect(next, 303);
  }

  @Post('sign-out')
  @UseGuards(SignedInGuard)
  async signOut(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    reply.removeHeader('set-cookie');
    this.consoleSessions.clear(request, reply);
    await reply.redirect('/console/sign-in', 303);
  }

  @Get()
  @UseGuards(SignedInGuard)
  start(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    send(reply, startPage(signedIn(request), this.picture.draw()));
  }

  @Get('live')
  @UseGuards(SignedInGuard)
  live(@Res() reply: FastifyReply): void {
    // Looking on is not doing something: it keeps nobody signed in.
    reply.removeHeader('set-cookie');
    void reply.headers(CONSOLE_HEADERS).type('text/html; charset=utf-8').send(this.picture.draw().toString());
  }

  @Get('find')
  @UseGuards(SignedInGuard)
  async find(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const sought = parameter(request, 'q')?.trim() ?? '';
    const isSession = isUUID(sought) && (await this.exists(sought));
    const to = isSession ? `sessions/${sought}` : `subjects?${query({ subject: sought })}`;
    await reply.redirect(`/console/${to}`, 303);
  }

  @Get('subjects')
  @UseGuards(SignedInGuard)
  async subject(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const subject = parameter(request, 'subject');
    if (!isText(subject)) throw new RefusalException({ reason: 'not_found' });
    recordOf(request).subject = subject;
    const cursor = parameter(request, 'cursor');
    const page = await this.sessions.list(subject, PAGE, cursorIn(cursor === undefined ? {} : { cursor }));
    send(reply, subjectPage(signedIn(request), subject, page, DONE[parameter(request, 'done') ?? '']));
  }

  @Get('sessions/:id')
  @UseGuards(SignedInGuard)
  async session(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { id } = request.params as { id: string };
    if (!isUUID(id)) throw new RefusalException({ reason: 'not_found' });
    recordOf(request).sessionId = id;
    const before = parameter(request, 'before');
    const from = before !== undefined && /^\d{1,18}$/.test(before) ? BigInt(before) : undefined;
    const [found, told] = await Promise.all([
      this.sessions.read(id),
      this.history.page({ sessionId: id }, PAGE, from),
    ]);
    if (!found && told.events.length === 0) throw new RefusalException({ reason: 'not_found' });
    send(reply, sessionPage(signedIn(request), id, found, told, DONE[parameter(request, 'done') ?? '']));
  }

  @Get('end')
  @UseGuards(SignedInGuard)
  ask(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const ends = endsOf((name) => parameter(request, name));
    send(reply, endPage(signedIn(request), ends));
  }

  @Post('end')
  @UseGuards(SignedInGuard)
  async end(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { session, subject, except } = endsOf((name) => field(request, name));
    const { name } = signedIn(request).key;
    Object.assign(recordOf(request), { ...(session && { sessionId: session }), ...(subject && { subject }) });
    if (session !== undefined) {
      const ended = await this.sessions.revoke(session, name);
      await reply.redirect(`/console/sessions/${session}?done=${ended ? 'ended' : 'before'}`, 303);
      return;
    }
    await this.sessions.revokeAll({ subject: subject! }, { except }, name);
    const done = except === undefined ? 'all' : 'others';
    await reply.redirect(`/console/subjects?${query({ subject: subject!, done })}`, 303);
  }

  @Get('inspect')
  @UseGuards(SignedInGuard)
  inspectForm(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    send(reply, inspectPage(signedIn(request)));
  }

  @Post('inspect')
  @UseGuards(SignedInGuard)
  async inspect(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const token = (field(request, 'token') ?? '').trim().slice(0, LONGEST_TOKEN);
    const inspected = await this.sessions.inspect(token);
    if (!inspected.ok) throw new RefusalException(inspected.refusal);
    const session = inspected.value.snapshot?.session;
    if (session) Object.assign(recordOf(request), { sessionId: session.id, subject: session.subject });
    send(reply, inspectPage(signedIn(request), inspected.value));
  }

  /** Whether it is there, or was and is remembered; else the text may be a subject's name. */
  private async exists(id: string): Promise<boolean> {
    if (await this.sessions.read(id)) return true;
    return (await this.history.page({ sessionId: id }, 1)).events.length > 0;
  }
}

const DONE: Readonly<Record<string, string>> = {
  ended: 'The session is ended.',
  before: 'The session was ended before, or is not there.',
  all: 'All their sessions are ended.',
  others: 'All their sessions but that one are ended.',
};

function send(reply: FastifyReply, page: Page): void {
  void reply.headers(CONSOLE_HEADERS).type('text/html; charset=utf-8').send(whole(page));
}

function parameter({ query }: FastifyRequest, name: string): string | undefined {
  return textIn(query, name);
}

function field({ body }: FastifyRequest, name: string): string | undefined {
  return textIn(body, name);
}

function textIn(values: unknown, name: string): string | undefined {
  const value = (values as Record<string, unknown> | undefined)?.[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** @throws RefusalException unless it says what is to end */
function endsOf(read: (name: string) => string | undefined): Ends {
  const [session, subject, except] = [read('session'), read('subject'), read('except')];
  const areIds = [session, except].every((id) => id === undefined || isUUID(id));
  if (areIds && session !== undefined && subject === undefined) return { session };
  if (areIds && session === undefined && isText(subject)) return { subject, except };
  const message = 'say which session is to end, or whose';
  throw new RefusalException({ reason: 'invalid_request', flaws: [{ in: 'query', message }] });
}

/** A page of the console to go on to; nowhere else, whatever a link says. */
function ownPath(next: string | undefined): string {
  return next !== undefined && /^\/console(\/(?!sign-)[A-Za-z0-9/-]*)?(\?[^#\s\\]*)?$/.test(next)
    ? next
    : '/console';
}
