import { isIP } from 'node:net';
import fc from 'fast-check';
import type { FastifyRequest } from 'fastify';
import { clientAddress, proxyTrust, readAddress } from '../../src/http/client-address.ts';

const v4 = fc.ipV4();
const v6 = fc.ipV6();
const port = fc.integer({ min: 0, max: 65_535 });
const zone = fc.stringMatching(/^[A-Za-z0-9_.-]{1,12}$/);
const spaces = fc.stringMatching(/^[ \t]{0,3}$/);

describe('the address in an entry of X-Forwarded-For', () => {
  test.each([
    ['1.2.3.4', '1.2.3.4'],
    ['1.2.3.4:5678', '1.2.3.4'],
    [' 1.2.3.4 ', '1.2.3.4'],
    ['[2001:DB8::1]:443', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['2001:db8:0:0::1', '2001:db8::1'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['[::ffff:102:304]:80', '1.2.3.4'],
    ['fe80::1%eth0', 'fe80::1'],
    ['[fe80::1%25eth0]:80', 'fe80::1'],
  ])('%s is %s', (entry, address) => {
    expect(readAddress(entry)).toBe(address);
  });

  test.each([
    '',
    ' ',
    'unknown',
    '_hidden',
    'proxy.example',
    '1.2.3',
    '01.2.3.4',
    '0x7f000001',
    '1.2.3.4:',
    '1.2.3.4:x',
    '[1.2.3.4',
    '1.2.3.4]:80',
    '[]',
    '[]:80',
    '[::1]80',
    '::1]:80',
    '1.2.3.4:80:90',
    '1.2.3.4/8',
    '"1.2.3.4"',
    'for=1.2.3.4',
  ])('is not there in %j', (entry) => {
    expect(readAddress(entry)).toBeUndefined();
  });

  test('is the same with port, brackets, zone and spaces as without, and is read again as itself', () => {
    fc.assert(
      fc.property(fc.oneof(v4, v6), port, zone, spaces, spaces, (written, at, link, before, after) => {
        const address = readAddress(written)!;
        expect(isIP(address)).not.toBe(0);
        expect(readAddress(address)).toBe(address);
        const spellings = [`[${written}]`, `[${written}]:${at}`, written.toUpperCase()];
        if (isIP(written) === 4)
          spellings.push(`${written}:${at}`, `::ffff:${written}`, `[::FFFF:${written}]:${at}`);
        else spellings.push(`${written}%${link}`, `[${written}%${link}]:${at}`);
        for (const spelling of spellings) expect(readAddress(before + spelling + after)).toBe(address);
      }),
    );
  });

  test('is an address or nothing, whatever was written', () => {
    const scraps = fc.constantFrom(
      '[',
      ']',
      ':',
      '.',
      '%',
      '::',
      ' ',
      'ffff',
      '1',
      '255',
      '0x',
      ',',
      '\0',
      'é',
    );
    const mixed = fc.array(fc.oneof(scraps, v4, v6), { maxLength: 8 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.oneof(fc.string(), mixed), (entry) => {
        const address = readAddress(entry);
        if (address !== undefined) {
          expect(isIP(address)).not.toBe(0);
          expect(address).not.toContain('%');
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the address of a client', () => {
  const seenBy = (ips: (string | undefined)[]): string | undefined =>
    clientAddress({ ips, ip: ips.at(-1) } as FastifyRequest);

  test('that its proxy could not name is that proxy’s', () => {
    expect(seenBy(['10.0.0.1', 'unknown'])).toBe('10.0.0.1');
    expect(seenBy(['10.0.0.1', '10.0.0.2:80', '_hidden'])).toBe('10.0.0.2');
    expect(seenBy([undefined])).toBeUndefined();
  });

  test('without a proxy is the connection’s', () => {
    expect(clientAddress({ ip: '::ffff:192.0.2.1' } as FastifyRequest)).toBe('192.0.2.1');
  });
});

describe('a proxy', () => {
  test('is trusted however its address is spelled, and no other is', () => {
    const trusts = proxyTrust([
      'loopback',
      'uniquelocal',
      '192.0.2.0/24',
      '2001:db8::/32',
      'fe80::1%eth0',
      '::ffff:203.0.113.0/120',
    ]);
    if (trusts === false) throw new Error('trusts nobody');
    const trusted = [
      '127.0.0.1',
      '::1',
      '::ffff:10.1.2.3',
      '10.1.2.3:4567',
      '192.0.2.200',
      '[2001:DB8::5]:80',
      'fe80::1%eth1',
      '203.0.113.7',
    ];
    const strangers = [
      undefined,
      '',
      'unknown',
      '8.8.8.8',
      '192.0.3.1',
      '2001:db9::1',
      'fe80::2',
      '203.0.114.1',
      'loopback',
    ];
    expect(trusted.filter((address) => !trusts(address, 0))).toEqual([]);
    expect(strangers.filter((address) => trusts(address, 0))).toEqual([]);
  });

  test('counted in hops is trusted as far as the count goes', () => {
    const trusts = proxyTrust(2);
    expect(trusts && [0, 1, 2].map((hop) => trusts('8.8.8.8', hop))).toEqual([true, true, false]);
    expect(proxyTrust(false)).toBe(false);
  });
});
