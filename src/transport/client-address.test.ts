import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { clientOf } from './client-address.ts';

const PROXY = '127.0.0.1';

for (const [remote, client] of [
  ['10.0.0.1', '10.0.0.1'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['::ffff:a00:1', '10.0.0.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8::6', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  // A Unix socket has no address.
  ['', ''],
] as const) {
  test(`without a proxy, ${remote || 'nothing'} is ${client || 'nothing'}, whatever it says of itself`, () => {
    assert.equal(clientOf(remote), client);
    assert.equal(clientOf(remote, '6.6.6.6', 0), client);
  });
}

for (const [said, forwarded, client] of [
  ['an address', '10.0.0.9', '10.0.0.9'],
  ['a port, as Azure and IIS write it', '10.0.0.9:52044', '10.0.0.9'],
  ['IPv6', '2001:db8:1:2::3', '2001:db8:1:2'],
  ['IPv6 in brackets', '[2001:db8:1:2::3]', '2001:db8:1:2'],
  ['IPv6 in brackets, with a port', '[2001:DB8:1:2::3]:443', '2001:db8:1:2'],
  ['IPv6 written in full', '2001:0db8:0001:0002:0000:0000:0000:0003', '2001:db8:1:2'],
  ['IPv4 in IPv6', '::ffff:10.0.0.9', '10.0.0.9'],
  ['IPv4 in IPv6, in brackets with a port', '[::ffff:10.0.0.9]:1', '10.0.0.9'],
  ['quotes, as in RFC 7239', '"[2001:db8:1:2::3]:443"', '2001:db8:1:2'],
  ['spaces and tabs', ' 6.6.6.6 ,\t10.0.0.9 ', '10.0.0.9'],
  ['a spoofed head', '6.6.6.6, 10.0.0.9', '10.0.0.9'],
  ['a spoofed head that is no address', '<script>, 10.0.0.9', '10.0.0.9'],
  ['empty entries', '6.6.6.6,, 10.0.0.9', '10.0.0.9'],
  ['nothing', '', PROXY],
  ['an empty last entry', '6.6.6.6,', PROXY],
  ['unknown', '6.6.6.6, unknown', PROXY],
  ['a name that RFC 7239 hides it behind', '6.6.6.6, _hidden', PROXY],
  ['junk', 'x'.repeat(500), PROXY],
  ['a number, which some take for an address', '134744072', PROXY],
  ['octal and hexadecimal', '010.0x0.0.9', PROXY],
  ['brackets that do not close', '[2001:db8::3', PROXY],
  ['a port that is none', '10.0.0.9:http', PROXY],
] as const) {
  test(`behind one proxy, ${said} is ${client}`, () => assert.equal(clientOf(PROXY, forwarded, 1), client));
}

for (const [hops, client] of [
  [0, PROXY],
  [1, '10.0.0.3'],
  [2, '10.0.0.2'],
  [3, '10.0.0.1'],
  // Who comes by fewer proxies is the first that is named.
  [4, '10.0.0.1'],
] as const) {
  test(`of a list, ${hops} proxies are passed over`, () => assert.equal(clientOf(PROXY, '10.0.0.1, 10.0.0.2:80, 10.0.0.3', hops), client));
}

test('behind two proxies, what the outer one did not see is the outer one', () => {
  assert.equal(clientOf(PROXY, '6.6.6.6, unknown, 10.0.0.3', 2), '10.0.0.3');
});

test('whatever stands before it, a client of one proxy has one name, and a short one', () => {
  const heads = fc.string().map((text) => text.replaceAll('\n', ''));
  fc.assert(fc.property(heads, (head) => assert.equal(clientOf(PROXY, `${head}, 10.0.0.9:1`, 1), '10.0.0.9')));
  fc.assert(fc.property(fc.string(), fc.string(), fc.nat(5), (remote, said, hops) => assert.ok(clientOf(remote, said, hops).length <= 64)));
});

test('each spelling of an address of one subscriber is one name', () => {
  fc.assert(
    fc.property(fc.ipV6(), (address) => {
      const name = clientOf(PROXY, address, 1);
      for (const text of [address.toUpperCase(), `[${address}]`, `[${address}]:1`, `"[${address}]:65535"`]) {
        assert.equal(clientOf(PROXY, text, 1), name, text);
      }
    }),
  );
});
